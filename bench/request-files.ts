import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Role } from '../src/gen/tollgate/v1/content.ts';
import { GenerateRequest } from '../src/gen/tollgate/v1/generate_service.ts';
import { INSTANCE } from './daemon.ts';

export interface RequestFiles {
  /** What the mock and nginx are sent: the JSON that the daemon would make. */
  readonly http: string;
  /** What the daemon is sent: a gRPC frame with its message. */
  readonly grpc: string;
}

const SYSTEM = 'You are a helpful assistant. Answer shortly.';
const USER = 'Explain in a few sentences why the sky is blue.';

function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Writes the same question for both dialects, to a mock model. */
export async function writeRequests(model: string, workspace: string): Promise<RequestFiles> {
  const files = { http: join(workspace, `${model}.json`), grpc: join(workspace, `${model}.bin`) };
  const messages = [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: USER },
  ];
  await writeFile(files.http, JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } }));
  const part = (text: string) => ({ part: { $case: 'text', value: text } as const, providerMetadataJson: {} });
  const request = GenerateRequest.fromPartial({
    model: `${INSTANCE}/${model}`,
    messages: [
      { role: Role.SYSTEM, parts: [part(SYSTEM)] },
      { role: Role.USER, parts: [part(USER)] },
    ],
  });
  await writeFile(files.grpc, grpcFrame(GenerateRequest.encode(request).finish()));
  return files;
}
