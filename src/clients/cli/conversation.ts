import type { Message } from '../../gen/tollgate/v1/content.ts';
import { system, user } from '../typescript/messages.ts';

/** What was said in a chat and with whom. */
export interface Conversation {
  /** Empty is the daemon's default. */
  model: string;
  /** The app's own instructions. Empty is none. */
  system: string;
  turns: Message[];
}

/** The messages that ask for the next answer. */
export function messagesFor({ system: instructions, turns }: Conversation, text: string): Message[] {
  return [...(instructions === '' ? [] : [system(instructions)]), ...turns, user(text)];
}

const help = `/model [id]      say which model answers, or ask another one
/system [text]   say or change the instructions
/clear           forget what was said
/exit            leave (also Ctrl-D)`;

/**
 * Obeys a line that begins with a slash. Returns what to say, or undefined to leave. `historyFile` is where typed lines are kept,
 * undefined when they are not.
 */
export function obey(line: string, conversation: Conversation, historyFile: string | undefined): string | undefined {
  const [command = '', ...rest] = line.split(/\s+/);
  const text = rest.join(' ');
  switch (command) {
    case '/exit':
    case '/quit':
      return undefined;
    case '/clear':
      conversation.turns = [];
      return historyFile === undefined ? 'Forgotten.' : `Forgotten. What you typed stays in ${historyFile}; --no-history keeps nothing.`;
    case '/model':
      if (text !== '') conversation.model = text;
      return conversation.model === '' ? "Next answers come from the daemon's default model." : `Next answers come from ${conversation.model}.`;
    case '/system':
      if (text !== '') conversation.system = text;
      return conversation.system === '' ? 'There are no instructions.' : `Instructions: ${conversation.system}`;
    case '/help':
      return help;
    default:
      return `${command} is not a command.\n${help}`;
  }
}
