// Apollo Client: queries, persisted queries, mutations, subscriptions, and the
// cache that keeps objects by their ids.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { url, ws } from './servers.mjs';

const sockets = createClient({ url: ws(url), webSocketImpl: WebSocket, lazy: true });
const requests = [];
const http = new HttpLink({ uri: url, fetch: (address, options) => { requests.push(options.method); return fetch(address, options); } });
const persisted = new PersistedQueryLink({
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
  useGETForHashedQueries: true,
});
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(({ operationType }) => operationType === 'subscription', new GraphQLWsLink(sockets), ApolloLink.from([persisted, http])),
});
test.after(() => { client.stop(); return sockets.dispose(); });

const PREDICT = gql`
  query Predict($input: PredictInput!) {
    predict(input: $input) { id throughput { value low high } latencyMs { value } memoryMb { value } basis fits bound modelVersion warnings }
  }`;

test('a query, by its hash from the second time on', async () => {
  for (const batchSize of [1, 2, 3]) {
    const { data } = await client.query({ query: PREDICT, variables: { input: { model: 'bert-base-uncased', platform: 'CUDA', batchSize } } });
    const { value, low, high } = data.predict.throughput;
    assert.ok(low <= value && value <= high);
  }
  assert.deepEqual(requests.splice(0), ['GET', 'POST', 'GET', 'GET']); // by hash, in full, by hash, by hash
});

test('the points of a sweep stay apart in the cache', async () => {
  const { data } = await client.query({ query: gql`
    { sweep(input: { model: "bert-base-uncased", platform: cuda }, batchSizes: [1, 2, 4, 8]) { id batchSize } }` });
  assert.deepEqual(data.sweep.map((p) => p.batchSize), [1, 2, 4, 8]);
});

test('a mutation, and its task watched to the end', async () => {
  const { data } = await client.mutate({ mutation: gql`
    mutation { generateMatrix(models: ["bert-base-uncased", "resnet-50"], platforms: [cuda, cpu], batchSizes: [1, 8]) { id status } }` });
  const states = [];
  await new Promise((complete, error) => client
    .subscribe({ query: gql`subscription Watch($id: ID!) { taskProgress(id: $id) { id status progress message } }`, variables: { id: data.generateMatrix.id } })
    .subscribe({ next: (result) => states.push(result), error, complete }));
  assert.ok(states.every((s) => !s.error), JSON.stringify(states));
  assert.equal(states.at(-1).data.taskProgress.status, 'completed');
});

test('an error with its code, field and suggestions', async () => {
  await assert.rejects(
    client.query({ query: PREDICT, variables: { input: { model: 'bert-base-uncasde', platform: 'cuda' } } }),
    ({ errors: [error] }) => {
      assert.equal(error.extensions.code, 'UNKNOWN_NAME');
      assert.equal(error.extensions.field, 'model');
      assert.ok(error.extensions.suggestions.includes('bert-base-uncased'));
      return true;
    });
});
