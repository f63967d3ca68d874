import { createInterface, type Interface } from 'node:readline/promises';
import { user } from '../typescript/messages.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { ask } from './ask.ts';
import { loadHistory, rememberLine } from './chat-history.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { type Conversation, messagesFor, obey } from './conversation.ts';
import { explainError } from './explain-error.ts';
import { openOrStart } from './open-client.ts';
import { type MutableOutput, mutableOutput } from './mutable-output.ts';
import { writeAnswer } from './write-answer.ts';

export interface ChatOptions {
  readonly model?: string;
  readonly system?: string;
  readonly showReasoning?: boolean;
  readonly quiet?: boolean;
  /** Whether typed lines are kept for the next chat. Unset is yes. */
  readonly history?: boolean;
}

interface Session {
  readonly host: CliHost;
  readonly console: Console;
  readonly options: ChatOptions;
  readonly conversation: Conversation;
  readonly lines: Interface;
  /** Where the typed line is shown. */
  readonly typing: MutableOutput;
  /** Where typed lines are kept. Undefined when they are not. */
  readonly historyFile: string | undefined;
  /** Whether a person types, rather than a pipe. */
  readonly isTerminal: boolean;
  tollgate: Tollgate | undefined;
  /** Cancels the answer that streams now. */
  answering: AbortController | undefined;
  exitCode: number;
}

/** The client; the daemon is started again when it left while nobody typed. */
async function reach(session: Session, signal: AbortSignal): Promise<Tollgate> {
  try {
    if (session.tollgate !== undefined) {
      await session.tollgate.ready({ signal });
      return session.tollgate;
    }
  } catch (error) {
    if (!(error instanceof TollgateError) || error.reason !== 'DAEMON_UNREACHABLE') throw error;
    session.tollgate?.close();
  }
  return (session.tollgate = await openOrStart(session.host, session.console, signal));
}

async function answer(session: Session, text: string, signal: AbortSignal): Promise<void> {
  const { console, conversation, options, host } = session;
  const tollgate = await reach(session, signal);
  const write = { showReasoning: options.showReasoning === true, quiet: options.quiet === true };
  const request = { model: conversation.model, messages: messagesFor(conversation, text) };
  const asked = await ask({ tollgate, host, console }, request, { signal }, (generation) => writeAnswer(generation, console, write));
  if (console.out.closed.aborted) return;
  conversation.model = asked.model;
  const message = await asked.generation.message();
  // An empty message may not be sent back.
  if (message.parts.length > 0) conversation.turns.push(user(text), message);
}

/** One turn. At a terminal a failure is told and the chat goes on; in a pipe the next line would answer to nothing. */
async function turn(session: Session, text: string): Promise<void> {
  const answering = new AbortController();
  session.answering = answering;
  session.typing.isMuted = session.isTerminal;
  const signal = AbortSignal.any([answering.signal, session.console.out.closed]);
  try {
    await answer(session, text, signal);
  } catch (error) {
    if (signal.aborted) session.console.say('(cancelled; this turn is not kept)', 'dim');
    else if (session.isTerminal) for (const line of explainError(error, session.host.environment).lines) session.console.say(line);
    else throw error;
  } finally {
    session.answering = undefined;
    session.typing.isMuted = false;
  }
}

interface Interrupts {
  /** A new line was typed: the next Ctrl-C is a first one. */
  calm(): void;
  stop(): void;
}

/** Ctrl-C ends the answer, or empties the line; the second one in a row leaves. */
function watchInterrupts(session: Session): Interrupts {
  const { lines, console, isTerminal } = session;
  let interruptedBefore = false;
  const interrupt = (): void => {
    session.answering?.abort();
    if (!isTerminal) session.exitCode = exitCode.interrupted;
    if (interruptedBefore || !isTerminal) lines.close();
    else if (session.answering === undefined) {
      console.say('\n(Ctrl-C again, or Ctrl-D, leaves)', 'dim');
      lines.write(null, { ctrl: true, name: 'e' });
      lines.write(null, { ctrl: true, name: 'u' });
      lines.prompt();
    }
    interruptedBefore = true;
  };
  lines.on('SIGINT', interrupt);
  process.on('SIGINT', interrupt);
  return {
    calm() {
      interruptedBefore = false;
    },
    // Not when the lines end: a pipe ends while its last line is still answered.
    stop: () => void process.removeListener('SIGINT', interrupt),
  };
}

async function converse(session: Session, interrupts: Interrupts): Promise<void> {
  const { lines, console, conversation, isTerminal, historyFile, typing } = session;
  let isOpen = true;
  /** Lines that were typed while an answer came, and are not shown yet. */
  let unseen = 0;
  lines.once('close', () => {
    isOpen = false;
  });
  lines.on('line', () => {
    if (typing.isMuted) unseen++;
  });
  const prompt = (): void => {
    // What was begun while the answer came stands there again.
    if (isTerminal && isOpen) lines.prompt(true);
  };
  prompt();
  for await (const typed of lines) {
    interrupts.calm();
    const text = typed.trim();
    if (unseen > 0) {
      unseen--;
      typing.stream.write(`${typed}\n`);
    }
    if (text !== '' && historyFile !== undefined) await rememberLine(historyFile, text);
    if (text.startsWith('/')) {
      const reply = obey(text, conversation, historyFile);
      if (reply === undefined) break;
      console.say(reply, 'dim');
    } else if (text !== '') {
      await turn(session, text);
    }
    if (console.out.closed.aborted || session.exitCode !== exitCode.done) break;
    prompt();
  }
}

export async function chat(options: ChatOptions, host: CliHost, console: Console): Promise<number> {
  const output = host.stdout.isTTY ? host.stdout : host.stderr;
  const isTerminal = host.stdin.isTTY && output.isTTY;
  const historyFile = isTerminal && options.history !== false ? host.environment.home.chatHistoryFile : undefined;
  const history = historyFile === undefined ? [] : (await loadHistory(historyFile)).toReversed();
  const typing = mutableOutput(output);
  const lines = createInterface({ input: host.stdin, output: typing.stream, terminal: isTerminal, history, historySize: 1000, removeHistoryDuplicates: true, prompt: '> ' });
  const conversation: Conversation = { model: options.model ?? '', system: options.system ?? '', turns: [] };
  const session: Session = { host, console, options, conversation, lines, typing, historyFile, isTerminal, tollgate: undefined, answering: undefined, exitCode: exitCode.done };
  if (isTerminal) console.say('tollgate chat: /help lists the commands, Ctrl-D leaves.', 'dim');
  const interrupts = watchInterrupts(session);
  try {
    await converse(session, interrupts);
  } finally {
    interrupts.stop();
    lines.close();
    typing.stream.destroy();
    session.tollgate?.close();
    host.stdin.destroy();
  }
  return session.exitCode;
}
