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
    expect(obey('/model', talk, undefined)).toContain('default');
    expect(obey('/model openai/gpt-5', talk, undefined)).toBe('Next answers come from openai/gpt-5.');
    expect(talk.model).toBe('openai/gpt-5');
  });

  it('changes the instructions with all their words', () => {
    const talk = conversation();
    obey('/system Be brief.', talk, undefined);
    expect(talk.system).toBe('Be brief.');
  });

  it('forgets what was said, and nothing else', () => {
    const talk = { model: 'a/b', system: 's', turns: [user('x')] };
    expect(obey('/clear', talk, undefined)).toBe('Forgotten.');
    expect(talk).toEqual({ model: 'a/b', system: 's', turns: [] });
    expect(obey('/clear', talk, '/h/chat-history')).toContain('stays in /h/chat-history');
  });

  it('leaves on /exit and explains a word that it does not know', () => {
    expect(obey('/exit', conversation(), undefined)).toBeUndefined();
    expect(obey('/sing', conversation(), undefined)).toContain('/sing is not a command');
  });
});
