// graphql-sse, one connection an operation.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { url, gatedUrl, post } from './servers.mjs';

const client = (options) => createClient({ url, retryAttempts: 0, ...options });

async function collect(c, query) {
  const results = [];
  for await (const result of c.iterate({ query })) results.push(result);
  return results;
}

test("a task's progress, from its start to its end", async () => {
  const { predictPerformance: task } = await post(
    'mutation { predictPerformance(input: { model: "resnet-50" }, hardware: [cuda, cpu]) { id } }');
  const states = await collect(client(), `subscription { taskProgress(id: "${task.id}") { id status progress message } }`);
  assert.ok(states.length > 1, `${states.length} states`);
  assert.equal(states.at(-1).data.taskProgress.status, 'completed');
});

test('a query', async () => assert.deepEqual(await collect(client(), '{ __typename }'), [{ data: { __typename: 'Query' } }]));

test('an error of the request', async () => {
  const [{ errors, data }] = await collect(client(), '{ nonsense }');
  assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  assert.equal(data, undefined);
});

test('a key is asked for', async () => {
  const watch = 'subscription { predictions { id } }';
  const [{ errors }] = await collect(client({ url: gatedUrl }), watch);
  assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED');
  const c = client({ url: gatedUrl, headers: { 'X-API-Key': 'secret' } });
  const stream = c.iterate({ query: watch });
  const silent = await Promise.race([stream.next(), new Promise((resolve) => setTimeout(resolve, 300, 'silent'))]);
  assert.equal(silent, 'silent'); // accepted, and nothing is predicted
  c.dispose();
});
