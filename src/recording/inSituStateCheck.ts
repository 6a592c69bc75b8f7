/** Whether what a checkpoint says of the in situ state is such a state: it is data, as others may have made. */

type Fields = Readonly<Record<string, unknown>>;

/** @throws Error  naming what is wrong */
function expect(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** JSON has no NaN and no infinity, in whose place it has null. */
const isNumber = (value: unknown): boolean => typeof value === 'number' || value === null;

function expectList(value: unknown, name: string): readonly unknown[] {
  expect(Array.isArray(value), `${name} is no list`);
  return value;
}

function expectFields(value: unknown, name: string): Fields {
  expect(isFields(value), `${name} is no object`);
  return value;
}

/** The elements of a list, all of them items of the data set. */
function expectItems(value: unknown, name: string, size: number): void {
  const areItems = expectList(value, name).every((i) => isWhole(i) && (i as number) < size);
  expect(areItems, `${name} holds something else than items`);
}

function expectSize(value: unknown, name: string): void {
  const { width, height, channels = 1 } = expectFields(value, name);
  expect([width, height, channels].every(isWhole), `${name} has no size`);
}

function expectEncounter(value: unknown): void {
  const { maps, input, output, ...numbers } = expectFields(value, 'an encounter');
  expect(typeof output === 'string', 'an encounter has no output');
  const names = ['number', 'epoch', 'step', 'contribution', 'outputProbability'];
  const areNumbers = names.every((name) => isNumber(numbers[name]));
  expect(areNumbers, 'an encounter lacks a number');
  for (const map of expectList(maps, 'maps')) if (map !== null) expectSize(map, 'a map');
  if (input !== null) expectSize(input, 'an input');
}

function expectHistory(value: unknown, size: number): void {
  const { itemIndex, points, count, stride, encounters } = expectFields(value, 'a history');
  expectItems([itemIndex], 'a history', size);
  expect([points, count, stride].every(isWhole), 'a history lacks a number');
  expectList(encounters, 'encounters').forEach(expectEncounter);
}

/**
 * Checks the header of a state.
 *
 * @param size  items of the data set
 * @throws Error  saying what in it is none
 */
export function expectStateHeader(header: unknown, size: number): void {
  const { queue, rankBy, previousSelection, selectionsBytes, monitor, history } = expectFields(
    header,
    'the state',
  );
  expect(rankBy === undefined || typeof rankBy === 'string', 'rankBy is no name');
  for (const candidate of expectList(queue, 'queue')) {
    const { itemIndex, label, output, score } = expectFields(candidate, 'a candidate');
    expectItems([itemIndex], 'queue', size);
    expect([label, output].every(isWhole), 'a candidate lacks a class');
    expect(Number.isFinite(score), 'a candidate lacks a score');
  }
  expectItems(previousSelection, 'previousSelection', size);
  const { items, contributions, fileBytes } = expectFields(monitor, 'monitor');
  for (const bytes of [selectionsBytes, fileBytes]) {
    expect(bytes === undefined || isWhole(bytes), 'the size of a file is no number');
  }
  expectItems(items, 'monitor.items', size);
  for (const pair of expectList(contributions, 'contributions')) {
    const [item, byLayer] = expectList(pair, 'a contribution');
    expectItems([item], 'contributions', size);
    expectFields(byLayer, 'a contribution');
  }
  const { layers, items: histories } = expectFields(history, 'history');
  const areNames = expectList(layers, 'layers').every((name) => typeof name === 'string');
  expect(areNames, 'layers holds something else than names');
  for (const one of expectList(histories, 'history.items')) expectHistory(one, size);
}
