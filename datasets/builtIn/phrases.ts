/** Built-in messages of hotel guests; made anew from a fixed seed by a small grammar, without files. */
import { random, splitStreams } from '../../src/random.ts';
import type { TextDataset } from '../dataset.ts';
import { inMemoryTexts } from '../texts.ts';

/** Symbols of the grammar: each rule is one of some ways to say it; `{x}` stands for symbol x. */
const grammar: Readonly<Record<string, readonly string[]>> = {
  thing: [
    'room',
    'bed',
    'view',
    'breakfast',
    'soup',
    'coffee',
    'shower',
    'waiter',
    'terrace',
    'pool',
    'wine',
    'music',
    'dessert',
    'service',
    'garden',
    'sauna',
    'lobby',
    'pillow',
    'towel',
    'lamp',
    'balcony',
    'kitchen',
    'menu',
    'bread',
    'tea',
    'bathroom',
    'window',
    'carpet',
    'piano',
    'heating',
  ],
  the: ['the {thing}', 'our {thing}', 'the {thing} {place}', 'the {thing}', 'this {thing}'],
  place: ['in the hall', 'on the first floor', 'next to the lift', 'by the sea', 'at the back'],
  when: [
    'yesterday',
    'this morning',
    'on sunday',
    'last night',
    'after dinner',
    'today',
    'at noon',
  ],
  soon: [
    'tomorrow',
    'tonight',
    'before we leave',
    'as soon as possible',
    'this evening',
    'at eight',
  ],
  good: [
    'good',
    'lovely',
    'excellent',
    'clean',
    'delicious',
    'warm',
    'quiet',
    'friendly',
    'charming',
    'perfect',
    'fresh',
    'wonderful',
    'comfortable',
    'bright',
  ],
  bad: [
    'bad',
    'cold',
    'dirty',
    'noisy',
    'awful',
    'broken',
    'rude',
    'stale',
    'tiny',
    'damp',
    'disappointing',
    'terrible',
    'dark',
    'uncomfortable',
  ],
  very: ['very', 'really', 'quite', 'so', 'rather', 'a bit', 'incredibly'],
  opener: ['honestly', 'well', 'overall', 'in the end', 'hello', 'dear team', 'to be fair', 'hi'],
  do: ['clean', 'repair', 'bring up', 'move', 'check', 'change', 'replace', 'open', 'warm up'],
  use: ['used', 'saw', 'passed', 'photographed', 'found', 'tried', 'left', 'visited'],
  hour: ['six', 'seven', 'nine', 'ten', 'eleven', 'noon', 'midnight'],

  praise: [
    '{the} was {good}',
    '{the} was {very} {good}',
    '{the} was not {bad} at all',
    'we loved {the}',
    '{the} was never {bad}',
    'no {bad} {thing} here , only a {good} one',
    '{the} looked {bad} but was {good}',
    'thank you for {the} , it was {good}',
    'what a {good} {thing}',
    'we could not find anything {bad} about {the}',
  ],
  complaint: [
    '{the} was {bad}',
    '{the} was {very} {bad}',
    '{the} was not {good} at all',
    'we hated {the}',
    '{the} was never {good}',
    'no {good} {thing} here , only a {bad} one',
    '{the} looked {good} but was {bad}',
    'nobody came to {do} {the}',
    'what a {bad} {thing}',
    'we could not find anything {good} about {the}',
  ],
  question: [
    'is {the} {good} ?',
    'was {the} always so {bad} ?',
    'where do we find {the} ?',
    'when does {the} open ?',
    'do you know whether {the} is {good} ?',
    'who will {do} {the} {soon} ?',
    'how much is {the} ?',
    'why is {the} {bad} {when} ?',
    'does {the} cost extra ?',
  ],
  request: [
    'please {do} {the}',
    'could you {do} {the} {soon} ?',
    'we would like a {good} {thing} {soon}',
    'please do not {do} {the}',
    'can somebody {do} {the} {soon} ?',
    'we need a {thing} {soon}',
    'would you {do} {the} , please',
    'kindly ask the {thing} team to {do} {the}',
  ],
  report: [
    'we {use} {the} {when}',
    '{the} opens at {hour}',
    '{the} is {place}',
    'there is a {thing} {place}',
    'they will {do} {the} {soon}',
    'we did not use {the} {when}',
    'somebody was asked to {do} {the}',
    'the {thing} closed at {hour} {when}',
    'we {use} the {thing} and {the}',
  ],
};

const classNames = ['praise', 'complaint', 'question', 'request', 'report'] as const;
type ClassName = (typeof classNames)[number];

/** Share of the items that say two things, of which either may be the label. */
const ambiguousShare = 0.04;

function say(symbol: string, next: () => number): string {
  const ways = grammar[symbol]!;
  const way = ways[Math.floor(next() * ways.length)]!;
  return way.replace(/\{(\w+)\}/g, (_, name: string) => say(name, next));
}

function message(label: ClassName, next: () => number): string {
  const opener = next() < 0.35 ? `${say('opener', next)} , ` : '';
  const other = classNames[Math.floor(next() * classNames.length)]!;
  if (next() < ambiguousShare) {
    const parts = [say(label, next), say(other, next)];
    return opener + (next() < 0.5 ? parts : parts.reverse()).join(' and ');
  }
  const kind = next();
  // What matters comes last: the word before it turns the first half into an aside.
  if (kind < 0.25) return `${opener}${say('report', next)} , but ${say(label, next)}`;
  if (kind < 0.4 && label !== 'report')
    return `${opener}${say(label, next)} . ${say('report', next)}`;
  if (kind < 0.5 && (label === 'praise' || label === 'complaint')) {
    const opposite = label === 'praise' ? 'complaint' : 'praise';
    return `${opener}${say(opposite, next)} at first , but then ${say(label, next)}`;
  }
  return opener + say(label, next);
}

/** As people write: no space before a sign, one sign at the end of a sentence, then a large letter; "an". */
function written(text: string): string {
  return text
    .replace(/\? \./g, '?')
    .replace(/ ([,.?])/g, '$1')
    .replace(/\ba (?=[aeiou])/g, 'an ')
    .replace(/(?:^|[.?] )\p{L}/gu, (start) => start.toUpperCase());
}

/**
 * Makes the built-in phrases: five kinds of messages in about equal parts and random order, 4 to 31
 * tokens long. Words alone do not tell the kinds apart, their order does ("not bad at all"), and
 * about 3 of 100 items say two things at once.
 *
 * @param size  number of items, 3,000 (train) or 1,000 (test) by default; the first ones are the
 *              same for every size
 */
export function makePhrases(
  split: 'train' | 'test',
  size: number = split === 'train' ? 3000 : 1000,
): TextDataset {
  const labels = new Uint8Array(size);
  const texts = Array.from({ length: size }, (_, item) => {
    const next = random(0x9472a5e5, splitStreams[split], item);
    labels[item] = Math.floor(next() * classNames.length);
    return written(message(classNames[labels[item]!]!, next));
  });
  return inMemoryTexts({ name: 'phrases', split, classNames, labels, texts });
}
