import type { Message } from '../../gen/tollgate/v1/content.ts';

/** The text of an assistant's thoughts that came from the plugin of this type. Empty without any. */
export const ownThoughts = ({ parts }: Message, type: string): string =>
  parts.flatMap(({ part }) => (part?.$case === 'reasoning' && part.value.providerType === type ? [part.value.text] : [])).join('');

export const callsTools = ({ parts }: Message): boolean => parts.some(({ part }) => part?.$case === 'toolCall');
