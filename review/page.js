/**
 * The review page: shows suspicious items, takes decisions, saves them as labels.csv.
 *
 * It changes nothing by itself: a decision is made by a key or a button, and what comes of it is a
 * file that the reader downloads and gives to `losslens train --labels_file`.
 */

/** What `losslens review` has put into the page; src/review/reviewPage.ts says what it holds. */
const data = JSON.parse(document.getElementById('data').textContent);
const { classes, scores, items, previous } = data;
const element = (id) => document.getElementById(id);
const grid = element('grid');

/** Decisions by item: { decision, label, sort, note, time }. */
let decisions = {};
/** What to go back to, the latest last: [item, its decision before or null]. */
let history = [];
/** Items in the order and filter of now. */
let shown = [];
/** Position in `shown`. */
let current = 0;

const storageKey = `losslens-review:${data.id}`;

function warn(text) {
  element('warning').textContent = text;
  element('warning').hidden = false;
}

function load() {
  try {
    const saved = JSON.parse(localStorage.getItem(storageKey) ?? 'null');
    decisions = saved?.decisions ?? {};
    history = saved?.history ?? [];
  } catch (error) {
    warn(`Earlier decisions cannot be read (${error.message}).`);
  }
}

function save() {
  try {
    localStorage.setItem(storageKey, JSON.stringify({ decisions, history }));
  } catch (error) {
    warn(`Decisions are not kept (${error.message}): save labels.csv before you close this page.`);
  }
}

/** An element with some text in it. */
function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Enlarged pixels stay pixels; photographs are smoothed. */
function picture({ image, item, label }) {
  const img = make('img', image.width < 64 ? 'pixels' : '');
  img.src = image.url;
  img.alt = `item ${item}, labelled ${label}`;
  img.decoding = 'async';
  return img;
}

const contentOf = (item) => (item.image ? picture(item) : make('div', 'text', item.text));
const percent = (share) => (share === null ? '' : `${Math.round(100 * share)} %`);
const scoreText = (value) => (value === null ? '' : Number(value.toPrecision(4)).toString());

/** A class worth asking about: the suggested one, or what the network said, or none. */
function proposal({ label, suggestedLabel, output }) {
  if (suggestedLabel && suggestedLabel !== label) return suggestedLabel;
  return output && output !== label ? output : '';
}

function decisionText({ item }) {
  const made = decisions[item];
  if (!made) return '';
  return made.decision === 'relabel' ? `→ ${made.label}` : made.decision;
}

const cards = new Map(
  items.map((item) => {
    const card = make('div', 'card');
    card.id = `item-${item.item}`;
    card.setAttribute('role', 'option');
    const row = make('div', 'row');
    row.append(make('span', 'decision'), make('span', 'score'));
    const suggested = proposal(item);
    card.append(
      contentOf(item),
      make('div', 'label', item.label),
      make('div', 'suggestion', suggested ? `${suggested}?` : ' '),
      row,
    );
    card.addEventListener('click', () => select(shown.indexOf(item)));
    return [item, card];
  }),
);

function updateCard(item) {
  const card = cards.get(item);
  card.dataset.decision = decisions[item.item]?.decision ?? '';
  card.querySelector('.decision').textContent = decisionText(item);
  const score = scoreText(item.scores[element('sort').selectedIndex]);
  card.querySelector('.score').textContent = score;
  const decided = decisionText(item);
  card.setAttribute(
    'aria-label',
    `item ${item.item}, label ${item.label}, ${decided === '' ? 'undecided' : decided}`,
  );
}

/** Positive when b is the more suspicious one; items without the score come last. */
function compare(a, b, index) {
  const [x, y] = [a.scores[index], b.scores[index]];
  if (x === null || y === null) return (x === null) - (y === null);
  const order = scores[index].first === 'lowest' ? x - y : y - x;
  return (element('reverse').checked ? -order : order) || a.item - b.item;
}

function passesFilter(item) {
  const label = element('label-filter').value;
  const wanted = element('decision-filter').value;
  const made = decisions[item.item]?.decision ?? 'undecided';
  return (label === '' || item.label === label) && (wanted === '' || made === wanted);
}

/** Sorts and filters anew; stays at the current item where it is still shown. */
function arrange() {
  const at = shown[current];
  const index = element('sort').selectedIndex;
  shown = items.filter(passesFilter).sort((a, b) => compare(a, b, index));
  grid.replaceChildren(...shown.map((item) => cards.get(item)));
  for (const item of shown) updateCard(item);
  element('sort-help').textContent = `${scores[index].help}; ${scores[index].first} first.`;
  element('empty').hidden = shown.length > 0;
  const position = shown.indexOf(at);
  select(position >= 0 ? position : Math.min(current, shown.length - 1));
}

function select(position) {
  cards.get(shown[current])?.removeAttribute('aria-selected');
  for (const card of grid.querySelectorAll('[aria-selected]'))
    card.removeAttribute('aria-selected');
  current = Math.max(0, Math.min(position, shown.length - 1));
  const item = shown[current];
  element('detail').hidden = item === undefined;
  if (item === undefined) {
    grid.removeAttribute('aria-activedescendant');
    return;
  }
  const card = cards.get(item);
  card.setAttribute('aria-selected', 'true');
  grid.setAttribute('aria-activedescendant', card.id);
  card.scrollIntoView({ block: 'nearest' });
  showDetail(item);
}

function showDetail(item) {
  const made = decisions[item.item];
  element('original').replaceChildren(contentOf(item));
  element('view').replaceChildren();
  element('view').hidden = !item.view;
  if (item.view) {
    const img = make('img');
    img.src = item.view;
    img.alt = `Monitoring View of item ${item.item}`;
    element('view').append(img, make('figcaption', '', data.viewCaption));
  }
  element('name').textContent = `Item ${item.item}`;
  element('file').textContent = item.file;
  element('file').hidden = item.file === '';
  const facts = [
    ['label', item.label],
    ['output', item.output],
    ['suggested', [item.suggestedLabel, percent(item.suggestedProbability)].join(' ')],
    ['decision', decisionText(item) || 'none yet'],
  ];
  element('facts').replaceChildren(
    ...facts.flatMap(([name, value]) => [make('dt', '', name), make('dd', '', value)]),
  );
  for (const name of ['keep', 'relabel', 'drop']) {
    element(name).setAttribute('aria-pressed', String(made?.decision === name));
  }
  element('new-label').value = made?.decision === 'relabel' ? made.label : proposal(item);
  element('note').value = made?.note ?? '';
  element('undo').disabled = history.length === 0;
  const index = element('sort').selectedIndex;
  [...element('scores').rows].forEach((row, i) => {
    row.cells[1].textContent = scoreText(item.scores[i]);
    row.toggleAttribute('aria-current', i === index);
  });
}

function updateCounts() {
  const count = { keep: 0, relabel: 0, drop: 0 };
  for (const item of items) {
    const made = decisions[item.item];
    if (made) count[made.decision]++;
  }
  const decided = count.keep + count.relabel + count.drop;
  element('progress').max = items.length;
  element('progress').value = decided;
  element('counts').textContent =
    `${decided} of ${items.length} decided: ${count.keep} keep, ${count.relabel} relabel, ${count.drop} drop`;
}

/** Shows what a change of decisions changes, and moves on by some items. */
function changed(item, by) {
  save();
  updateCounts();
  if (!passesFilter(item)) {
    arrange();
    return;
  }
  updateCard(item);
  select(shown.indexOf(item) + by);
}

function decide(decision) {
  const item = shown[current];
  if (item === undefined) return;
  const label = decision === 'relabel' ? element('new-label').value : item.label;
  if (decision === 'relabel' && (label === '' || label === item.label)) {
    element('new-label').focus();
    return;
  }
  history.push([item.item, decisions[item.item] ?? null]);
  decisions[item.item] = {
    decision,
    label,
    sort: element('sort').value,
    note: element('note').value.trim(),
    time: new Date().toISOString(),
  };
  changed(item, 1);
}

function undo() {
  const last = history.pop();
  if (last === undefined) return;
  const [index, before] = last;
  if (before === null) delete decisions[index];
  else decisions[index] = before;
  const item = items.find((candidate) => candidate.item === index);
  if (!shown.includes(item)) {
    save();
    updateCounts();
    arrange();
    if (shown.includes(item)) select(shown.indexOf(item));
    return;
  }
  changed(item, 0);
}

/** One record of comma-separated values (RFC 4180). */
function csvRecord(fields) {
  const field = (value) => {
    let text = String(value ?? '');
    // What a spreadsheet would run as a formula gets an apostrophe, which --labels_file takes away.
    if (/^'*[=+\-@\t\r＝＋－＠]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${fields.map(field).join(',')}\n`;
}

/** Columns of labels.csv; those that an earlier one has beside them follow. */
const labelColumns = [
  'item',
  'label',
  'decision',
  'old_label',
  'suggested_label',
  'suggested_probability',
  'score_name',
  'score',
  'time',
  'note',
  'file',
];

/** The decisions as labels.csv, after those that the run was trained with already. */
function labelsCsv() {
  const kept = previous.filter(({ item }) => decisions[item] === undefined);
  const rows = items.flatMap((item) => {
    const made = decisions[item.item];
    if (!made) return [];
    // The label that the data have, not one that an earlier round gave the item.
    const before = previous.find((row) => row.item === item.item)?.old_label;
    return [
      {
        item: item.item,
        label: made.decision === 'drop' ? '' : made.label,
        decision: made.decision,
        old_label: before ?? item.label,
        suggested_label: item.suggestedLabel,
        suggested_probability: item.suggestedProbability,
        score_name: made.sort,
        score: item.scores[scores.findIndex(({ name }) => name === made.sort)],
        time: made.time,
        note: made.note,
        file: item.file,
      },
    ];
  });
  const columns = [...new Set([...labelColumns, ...kept.flatMap(Object.keys)])];
  const records = [...kept, ...rows].map((row) => columns.map((name) => row[name]));
  return [columns, ...records].map(csvRecord).join('');
}

function download() {
  const link = make('a');
  link.href = URL.createObjectURL(new Blob([labelsCsv()], { type: 'text/csv' }));
  link.download = 'labels.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Items in a row of the grid, for the arrows up and down. */
function columns() {
  return getComputedStyle(grid).gridTemplateColumns.split(' ').length;
}

const keys = {
  k: () => decide('keep'),
  r: () => decide('relabel'),
  d: () => decide('drop'),
  u: undo,
  n: () => select(current + 1),
  p: () => select(current - 1),
  ArrowRight: () => select(current + 1),
  ArrowLeft: () => select(current - 1),
  ArrowDown: () => select(current + columns()),
  ArrowUp: () => select(current - columns()),
  Home: () => select(0),
  End: () => select(shown.length - 1),
};

document.addEventListener('keydown', (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === 'Escape' || (key === 'Enter' && target.matches('#note, #new-label'))) {
    // Back from a field to the keys of the page.
    grid.focus();
    return;
  }
  if (target.matches('input:not([type=checkbox]), select, textarea')) return;
  const action = keys[key.length === 1 ? key.toLowerCase() : key];
  if (action === undefined || (event.repeat === true && 'krdu'.includes(key.toLowerCase()))) return;
  event.preventDefault();
  action();
});

for (const decision of ['keep', 'relabel', 'drop']) {
  element(decision).addEventListener('click', () => decide(decision));
}
element('undo').addEventListener('click', undo);
element('next').addEventListener('click', keys.n);
element('previous').addEventListener('click', keys.p);
element('download').addEventListener('click', download);
element('controls').addEventListener('change', arrange);
element('controls').addEventListener('submit', (event) => event.preventDefault());
element('note').addEventListener('change', () => {
  const made = decisions[shown[current]?.item];
  if (made === undefined) return;
  made.note = element('note').value.trim();
  save();
});

document.title = `Review of ${data.title}`;
element('run').textContent = data.description;
for (const { name } of scores) element('sort').append(new Option(name, name));
element('sort').value = data.sortBy;
const counts = new Map();
for (const { label } of items) counts.set(label, (counts.get(label) ?? 0) + 1);
for (const name of classes.filter((each) => counts.has(each))) {
  element('label-filter').append(new Option(`${name} (${counts.get(name)})`, name));
}
element('new-label').append(new Option('choose a class', ''));
for (const name of classes) element('new-label').append(new Option(name, name));
for (const { name, help } of scores) {
  const row = make('tr');
  const heading = make('th', '', name);
  heading.scope = 'row';
  heading.title = help;
  row.append(heading, make('td'));
  element('scores').append(row);
}
load();
updateCounts();
arrange();
