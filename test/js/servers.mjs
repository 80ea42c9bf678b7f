// The servers under test: one that serves everybody, and one that asks for the
// key "secret" and gives a WebSocket half a second to say connection_init.
const need = (name) => {
  if (!process.env[name]) throw new Error(`set ${name} to the address of a /graphql`);
  return process.env[name];
};
export const url = need('PERFCAST_GRAPHQL');
export const gatedUrl = need('PERFCAST_GRAPHQL_GATED');
export const ws = (http) => http.replace(/^http/, 'ws');

// post sends one operation that must succeed and gives its data.
export async function post(query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}
