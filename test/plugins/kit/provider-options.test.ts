import { expect, test } from 'vitest';
import { jsonObjectField } from '../../../src/plugins/kit/json-object-field.ts';
import { stringifyBody } from '../../../src/plugins/kit/json.ts';
import { providerOptions } from '../../../src/plugins/kit/provider-options.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';

test("only a plugin's own options are read", () => {
  const request = { providerOptionsJson: { anthropic: '{"a":1}', openai: '{"b":2}', ollama: '' } };
  expect(providerOptions(request, 'anthropic')).toEqual({ a: 1 });
  expect(providerOptions(request, 'ollama')).toEqual({});
  expect(providerOptions(request, 'echo')).toEqual({});
  expect(providerOptions(request, 'constructor')).toEqual({});
});

test.each(['[]', '{', 'null', '1'])('options that are no object are refused: %s', (text) => {
  expect(() => providerOptions({ providerOptionsJson: { x: text } }, 'x')).toThrow(expect.objectContaining({ errorClass: ErrorClass.UNSUPPORTED, code: 'provider_options_json["x"]' }));
});

test('a field of JSON goes out byte for byte, or is refused with its path', () => {
  expect(stringifyBody({ a: jsonObjectField('{ "n": 1e400 }', 'a') })).toBe('{"a":{ "n": 1e400 }}');
  for (const text of ['', '{', '[]', 'true']) expect(() => jsonObjectField(text, 'tools[0].x')).toThrow(expect.objectContaining({ errorClass: ErrorClass.UNSUPPORTED, code: 'tools[0].x' }));
});
