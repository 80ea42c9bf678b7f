// graphql-ws, and the protocol's close codes seen by a bare WebSocket.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { url, gatedUrl, ws, post } from './servers.mjs';

const client = (options) => createClient({ webSocketImpl: WebSocket, retryAttempts: 0, lazy: true, ...options });

async function collect(c, query) {
  const results = [];
  for await (const result of c.iterate({ query })) results.push(result);
  return results;
}

test('a query, over a WebSocket', async () => {
  const c = client({ url: ws(url) });
  const [{ data }] = await collect(c, '{ predict(input: { model: "bert-base-uncased", platform: cuda }) { fits throughput { value } } }');
  assert.equal(data.predict.fits, 'fits');
  assert.ok(data.predict.throughput.value > 0);
  await c.dispose();
});

test("a task's progress, from its start to its end", async () => {
  const { predictHardware: task } = await post(
    'mutation { predictHardware(input: { model: "bert-base-uncased" }, availableHardware: [cuda, cpu]) { id } }');
  const c = client({ url: ws(url) });
  const states = await collect(c, `subscription { taskProgress(id: "${task.id}") { id status progress message } }`);
  assert.ok(states.length > 1, `${states.length} states`);
  const last = states.at(-1).data.taskProgress;
  assert.equal(last.id, task.id);
  assert.equal(last.status, 'completed');
  assert.equal(last.progress, 1);
  await c.dispose();
});

test('new measurements, of one model only', async () => {
  const c = client({ url: ws(url) });
  const stream = c.iterate({ query: 'subscription { measurements(model: "resnet-50") { modelFacts { aliases } throughput } }' });
  const first = stream.next();
  const record = (model) => post(
    `mutation { recordMeasurement(input: { model: "${model}", platform: cuda, batchSize: 4, throughput: 1000 }) { measurement { id } } }`);
  // The subscription may begin after the first of these; it lasts until one arrives.
  let done = false;
  first.finally(() => { done = true; });
  while (!done) {
    await record('bert-base-uncased');
    await record('resnet-50');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { value } = await first;
  assert.equal(value.data.measurements.throughput, 1000);
  assert.ok(value.data.measurements.modelFacts.aliases.includes('resnet-50'));
  await stream.return();
  await c.dispose();
});

test('an error of the request ends the operation, not the connection', async () => {
  const c = client({ url: ws(url) });
  await assert.rejects(collect(c, '{ nonsense }'), (errors) => {
    assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    return true;
  });
  assert.equal((await collect(c, '{ __typename }'))[0].data.__typename, 'Query');
  await c.dispose();
});

test('a rejected connection settles, with 4403', async () => {
  for (const connectionParams of [undefined, { 'X-API-Key': 'wrong' }, { apiKey: '' }]) {
    const c = client({ url: ws(gatedUrl), connectionParams });
    await assert.rejects(collect(c, '{ __typename }'), (event) => event.code === 4403);
    await c.dispose();
  }
});

test('an accepted connection', async () => {
  for (const connectionParams of [{ 'X-API-Key': 'secret' }, { apiKey: 'secret' }]) {
    const c = client({ url: ws(gatedUrl), connectionParams });
    assert.equal((await collect(c, '{ __typename }'))[0].data.__typename, 'Query');
    await c.dispose();
  }
});

// closeCode talks over a bare WebSocket and gives the code it is closed with.
function closeCode(address, messages, protocol = 'graphql-transport-ws') {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address, protocol);
    const timer = setTimeout(() => { socket.terminate(); reject(new Error('still open after 5 s')); }, 5000);
    socket.on('open', () => messages.forEach((m) => socket.send(typeof m === 'string' ? m : JSON.stringify(m))));
    socket.on('close', (code) => { clearTimeout(timer); resolve(code); });
    socket.on('error', () => {}); // a close follows
  });
}

const init = { type: 'connection_init' };
const forever = (id) => ({ type: 'subscribe', id, payload: { query: 'subscription { predictions { id } }' } });

for (const [what, code, messages] of [
  ['a duplicate id', 4409, [init, forever('a'), forever('a')]],
  ['a second connection_init', 4429, [init, init]],
  ['subscribe before connection_init', 4401, [forever('a')]],
  ['a message that is no JSON', 4400, ['{']],
  ['an unknown type of message', 4400, [{ type: 'nonsense' }]],
  ['subscribe without an id', 4400, [init, { type: 'subscribe', payload: { query: '{ __typename }' } }]],
  ['subscribe without a query', 4400, [init, { type: 'subscribe', id: 'a', payload: {} }]],
]) {
  test(`${what}: ${code}`, async () => assert.equal(await closeCode(ws(url), messages), code));
}

test('no connection_init in time: 4408', async () => assert.equal(await closeCode(ws(gatedUrl), []), 4408));

test('no subprotocol: 4406', async () => assert.equal(await closeCode(ws(url), [], []), 4406));

// The server agrees to no protocol, which a client must not put up with: 1006.
test('the legacy subprotocol is not spoken', async () => assert.equal(await closeCode(ws(url), [init], 'graphql-ws'), 1006));

test('an id can be used again after its end', async () => {
  const socket = new WebSocket(ws(url), 'graphql-transport-ws');
  const received = [];
  await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
    socket.on('open', () => socket.send(JSON.stringify(init)));
    socket.on('message', (data) => {
      const m = JSON.parse(data);
      received.push(m.type);
      const completes = received.filter((t) => t === 'complete').length;
      if (m.type === 'connection_ack' || (m.type === 'complete' && completes === 1)) {
        socket.send(JSON.stringify({ type: 'subscribe', id: 'a', payload: { query: '{ __typename }' } }));
      } else if (completes === 2) {
        // Ended by the client: free at once, too.
        for (const m of [forever('a'), { type: 'complete', id: 'a' }, forever('a'), { type: 'ping' }]) socket.send(JSON.stringify(m));
      }
      if (m.type === 'pong') resolve();
    });
  });
  assert.deepEqual(received, ['connection_ack', 'next', 'complete', 'next', 'complete', 'pong']);
  socket.removeAllListeners('close');
  socket.close();
});
