import { readFile } from 'node:fs/promises';
import type { FileRegistry } from '@bufbuild/protobuf';
import { DESCRIPTORS } from '../../package-root.ts';

let loading: Promise<FileRegistry> | undefined;

async function loadRegistry(): Promise<FileRegistry> {
  const [{ createFileRegistry, fromBinary }, { FileDescriptorSetSchema }, bytes] = await Promise.all([
    import('@bufbuild/protobuf'), import('@bufbuild/protobuf/wkt'), readFile(DESCRIPTORS),
  ]);
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}

/** What ts-proto's encoders write. */
interface Encoded {
  finish(): Uint8Array;
}

/**
 * A message as canonical proto3 JSON on one line, with the proto's snake_case names. ts-proto's own JSON is not canonical, so the
 * message's bytes are read again with the proto's descriptors.
 */
export async function canonicalJson(typeName: string, message: Encoded): Promise<string> {
  const { fromBinary, toJson } = await import('@bufbuild/protobuf');
  const registry = await (loading ??= loadRegistry());
  const type = registry.getMessage(typeName);
  if (type === undefined) throw new Error(`${typeName} is not in ${DESCRIPTORS.pathname}.`);
  return JSON.stringify(toJson(type, fromBinary(type, message.finish()), { useProtoFieldName: true, registry }));
}
