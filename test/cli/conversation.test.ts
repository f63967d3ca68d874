import { describe, expect, it } from 'vitest';
import { type Conversation, messagesFor, obey } from '../../src/clients/cli/conversation.ts';
import { Role } from '../../src/gen/tollgate/v1/content.ts';
import { user } from '../../src/clients/typescript/messages.ts';

function conversation(): Conversation {
  return { model: '', system: '', turns: [] };
}

describe('a conversation', () => {
  it('puts the instructions first and the new words last', () => {
    const talk = { ...conversation(), system: 'Be brief.', turns: [user('before')] };
    expect(messagesFor(talk, 'now').map(({ role }) => role)).toEqual([Role.SYSTEM, Role.USER, Role.USER]);
    expect(messagesFor(talk, 'now').at(-1)).toEqual(user('now'));
  });

  it('has no system message without instructions', () => expect(messagesFor(conversation(), 'now')).toEqual([user('now')]));
});

describe('obey', () => {
  it('changes the model and says which one answers', () => {
    const talk = conversation();
    expect(obey('/model', talk)).toContain('default');
    expect(obey('/model openai/gpt-5', talk)).toBe('openai/gpt-5 answers.');
    expect(talk.model).toBe('openai/gpt-5');
  });

  it('changes the instructions with all their words', () => {
    const talk = conversation();
    obey('/system Be brief.', talk);
    expect(talk.system).toBe('Be brief.');
  });

  it('forgets what was said, and nothing else', () => {
    const talk = { model: 'a/b', system: 's', turns: [user('x')] };
    obey('/clear', talk);
    expect(talk).toEqual({ model: 'a/b', system: 's', turns: [] });
  });

  it('leaves on /exit and explains a word that it does not know', () => {
    expect(obey('/exit', conversation())).toBeUndefined();
    expect(obey('/sing', conversation())).toContain('/sing is not a command');
  });
});
