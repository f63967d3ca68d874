import { describe, expect, test } from 'vitest';
import type { Part } from '../../src/gen/tollgate/v1/content.ts';
import { openai } from '../../src/plugins/openai.ts';
import { askProvider, type Asked } from '../ask-provider.ts';
import type { CollectedPart } from '../collect-answer.ts';
import { assistant, part, tool, user, type RequestOptions } from '../generate-request.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('openai/responses-text.sse');
const ask = (options: Partial<RequestOptions> = {}): Promise<Asked> => askProvider(openai, text, { model: 'gpt-5-mini', ...options });
const inputOf = ({ body }: Asked): unknown => (body as { input: unknown }).input;

const reasoning = (value: string) => ({ $case: 'reasoning', value: { text: value, signature: '', redactedData: Buffer.alloc(0), providerType: 'openai' } }) as const;
const thought = (kept: string) => part(reasoning('hm'), { openai: kept });
const call = (id: string, kept: string) => part({ $case: 'toolCall', value: { id, name: 'weather', argumentsJson: '{"city":"Köln"}' } }, { openai: kept });
const said = (value: string, kept: string) => part({ $case: 'text', value }, { openai: kept });

/** A part of an answer as a client sends it back. */
function partOf({ kind, text: words, metadata, id = '', name = '' }: CollectedPart): Part {
  if (kind === 'reasoning') return part(reasoning(words), metadata);
  return part(kind === 'toolCall' ? { $case: kind, value: { id, name, argumentsJson: words } } : { $case: kind, value: words }, metadata);
}

describe('an answer of the Responses API that goes back', () => {
  const item = '{"id":"rs_1", "type":"reasoning","summary":[{"type":"summary_text","text":"h\\u006d"}],"encrypted_content":"gAAAA==","status":"completed"}';

  test('has its thoughts byte for byte before the items that they led to, with ids and phases', async () => {
    const asked = await ask({
      messages: [
        user('Weather?'),
        assistant(thought(item), said('One moment.', '{"id":"msg_1","phase":"commentary"}'), call('call_1', '{"id":"fc_1"}')),
        tool(part({ $case: 'toolResult', value: { toolCallId: 'call_1', content: 'rain', isError: false } })),
      ],
    });
    expect(asked.requests[0]?.body).toContain(`{"role":"user","content":"Weather?"},${item},{"type":"message"`);
    expect(inputOf(asked)).toMatchInlineSnapshot(`
      [
        {
          "content": "Weather?",
          "role": "user",
        },
        {
          "encrypted_content": "gAAAA==",
          "id": "rs_1",
          "status": "completed",
          "summary": [
            {
              "text": "hm",
              "type": "summary_text",
            },
          ],
          "type": "reasoning",
        },
        {
          "content": [
            {
              "annotations": [],
              "text": "One moment.",
              "type": "output_text",
            },
          ],
          "id": "msg_1",
          "phase": "commentary",
          "role": "assistant",
          "status": "completed",
          "type": "message",
        },
        {
          "arguments": "{"city":"Köln"}",
          "call_id": "call_1",
          "id": "fc_1",
          "name": "weather",
          "type": "function_call",
        },
        {
          "call_id": "call_1",
          "output": "rain",
          "type": "function_call_output",
        },
      ]
    `);
  });

  test('has the pieces of one message in one item, and those of another in the next', async () => {
    const sources = '[{"type":"url_citation","url":"https://example.com"}]';
    const refusal = part({ $case: 'refusal', value: 'No.' }, { openai: '{"id":"msg_1"}' });
    const asked = await ask({ messages: [user('?'), assistant(thought(item), said('A', `{"id":"msg_1","annotations":${sources}}`), refusal, said('B', '{"id":"msg_2"}')), user('!')] });
    expect(inputOf(asked)).toMatchObject([
      { role: 'user' },
      { type: 'reasoning' },
      { id: 'msg_1', content: [{ type: 'output_text', text: 'A', annotations: [{ url: 'https://example.com' }] }, { type: 'refusal', refusal: 'No.' }] },
      { id: 'msg_2', content: [{ type: 'output_text', text: 'B', annotations: [] }] },
      { role: 'user' },
    ]);
  });

  test('has no ids without the thought that they ask for, and keeps its phase', async () => {
    const asked = await ask({ messages: [user('?'), assistant(said('A', '{"id":"msg_1","phase":"commentary"}'), call('call_1', '{"id":"fc_1","namespace":"n"}'))] });
    expect(inputOf(asked)).toEqual([
      { role: 'user', content: '?' },
      { role: 'assistant', phase: 'commentary', content: [{ type: 'output_text', text: 'A' }] },
      { type: 'function_call', namespace: 'n', call_id: 'call_1', name: 'weather', arguments: '{"city":"Köln"}' },
    ]);
  });

  test('has no thought that nothing follows, and none that the provider cannot read', async () => {
    const unreadable = part({ $case: 'reasoning', value: { text: 'secret', signature: '', redactedData: Buffer.alloc(0), providerType: 'openai' } });
    const asked = await ask({ messages: [user('1'), assistant(thought(item)), user('2'), assistant(unreadable, 'two', thought(item)), user('3')] });
    expect(inputOf(asked)).toEqual([
      { role: 'user', content: '1' },
      { role: 'user', content: '2' },
      { role: 'assistant', content: [{ type: 'output_text', text: 'two' }] },
      { role: 'user', content: '3' },
    ]);
  });

  test('has the calls of the provider’s own tools where they stood', async () => {
    const search = '{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search"}}';
    const asked = await ask({ messages: [user('?'), assistant(thought(item), said('', search), said('Found.', '{"id":"msg_1"}')), user('!')] });
    expect(inputOf(asked)).toMatchObject([{ role: 'user' }, { type: 'reasoning' }, { type: 'web_search_call', id: 'ws_1' }, { type: 'message', id: 'msg_1' }, { role: 'user' }]);
  });

  test('is told from what another provider kept', async () => {
    const foreign = part({ $case: 'text', value: 'Hi' }, { azure: '{"id":"msg_9"}' });
    expect(inputOf(await ask({ messages: [user('?'), assistant(foreign)] }))).toEqual([{ role: 'user', content: '?' }, { role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] }]);
  });

  test('is the items that came, in their order', async () => {
    const { answer } = await askProvider(openai, providerFixture('openai/responses-reasoning.sse'), { model: 'gpt-5' });
    const asked = await ask({ messages: [user('Weather?'), assistant(...answer.parts.map(partOf))] });
    const items = providerFixture('openai/responses-reasoning.sse')
      .body.toString()
      .split('\n')
      .flatMap((line) => (line.startsWith('data: {"type":"response.output_item.done"') ? [(JSON.parse(line.slice('data: '.length)) as { item: { status?: string; type: string } }).item] : []))
      // A call is told again in its own fields: its status says nothing then.
      .map(({ status, ...rest }) => (rest.type === 'function_call' ? rest : { ...rest, status }));
    expect(inputOf(asked)).toEqual([{ role: 'user', content: 'Weather?' }, ...items]);
  });
});
