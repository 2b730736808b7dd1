// A reporter of `node --test`: what came of each test, a JSON object a line. The project's folder and the results' file are in
// the environment.
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = `${process.env.MILLRACE_TEST_ROOT}/`;
const tell = (told) => appendFileSync(process.env.MILLRACE_TEST_RESULTS, `${JSON.stringify(told)}\n`);
const plain = (path) => (path?.startsWith('file:') ? fileURLToPath(path) : path ?? '');

function places(stack) {
  const found = [];
  for (const line of `${stack ?? ''}`.split('\n')) {
    const place = /\(?((?:file:\/\/)?\/[^()]*?):(\d+):\d+\)?$/.exec(line);
    const path = place && plain(place[1]);
    if (path?.startsWith(root)) found.push(`${path.slice(root.length)}:${place[2]}`);
  }
  return found;
}

export default async function* reporter(source) {
  // What a file writes when it fails as a whole.
  let written = '';
  for await (const { type, data } of source) {
    if (type === 'test:stderr') written = `${written}${data.message}`.slice(-3000);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    const error = data.details?.error;
    const cause = error?.cause ?? error;
    // A test that fails because a part of it did is told by that part.
    if (error?.failureType === 'subtestsFailed') continue;
    const isFile = plain(data.name).startsWith(root);
    const message = isFile && written ? written : [cause?.message ?? String(cause ?? ''), cause?.code === 'ERR_ASSERTION' ? '' : cause?.code].filter(Boolean).join(' ');
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const outcome = skipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    tell({
      name: isFile ? plain(data.name).slice(root.length) : data.name, outcome, ms: Math.round(data.details?.duration_ms ?? 0),
      message: outcome === 'failed' ? message : typeof data.skip === 'string' ? data.skip : '', 
      places: places(isFile ? written : cause?.stack ?? error?.stack),
    });
  }
  tell({ end: true });
  yield '';
}
