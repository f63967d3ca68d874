import { readFile } from 'node:fs/promises';
import type { DescMessage, FileRegistry, JsonValue } from '@bufbuild/protobuf';
import { DESCRIPTORS } from '../../package-root.ts';

let loading: Promise<FileRegistry> | undefined;

async function loadRegistry(): Promise<FileRegistry> {
  const [{ createFileRegistry, fromBinary }, { FileDescriptorSetSchema }, bytes] = await Promise.all([
    import('@bufbuild/protobuf'), import('@bufbuild/protobuf/wkt'), readFile(DESCRIPTORS),
  ]);
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}

function typeOf(typeName: string, registry: FileRegistry): DescMessage {
  const type = registry.getMessage(typeName);
  if (type === undefined) throw new Error(`${typeName} is not in ${DESCRIPTORS.pathname}.`);
  return type;
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
  const type = typeOf(typeName, registry);
  return JSON.stringify(toJson(type, fromBinary(type, message.finish()), { useProtoFieldName: true, registry }));
}

function isJson(value: unknown): value is JsonValue {
  return typeof value === 'object' && value !== null;
}

/** The bytes of a message that stands in proto3 JSON. Fields that are not known are left out. Throws when it is no such message. */
export async function messageFromJson(typeName: string, json: unknown): Promise<Uint8Array> {
  const { fromJson, toBinary } = await import('@bufbuild/protobuf');
  const registry = await (loading ??= loadRegistry());
  const type = typeOf(typeName, registry);
  if (!isJson(json) || Array.isArray(json)) throw new Error('it is no JSON object');
  return toBinary(type, fromJson(type, json, { registry, ignoreUnknownFields: true }));
}
