import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type DescriptorProto, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { status, type ServerDuplexStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { DESCRIPTORS } from '../../package-root.ts';

interface ReflectionRequest {
  readonly host: string;
  readonly message_request?: 'file_by_filename' | 'file_containing_symbol' | 'file_containing_extension' | 'all_extension_numbers_of_type' | 'list_services';
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
}

interface Index {
  readonly files: ReadonlyMap<string, FileDescriptorProto>;
  /** The file of every service, method, message and enum, by full name. */
  readonly symbols: ReadonlyMap<string, FileDescriptorProto>;
}

function addMessage(symbols: Map<string, FileDescriptorProto>, file: FileDescriptorProto, scope: string, message: DescriptorProto): void {
  const name = `${scope}.${message.name}`;
  symbols.set(name, file);
  for (const field of message.field) symbols.set(`${name}.${field.name}`, file);
  for (const inner of message.nestedType) addMessage(symbols, file, name, inner);
  for (const inner of message.enumType) symbols.set(`${name}.${inner.name}`, file);
}

function readIndex(): Index {
  const { file: files } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
  const symbols = new Map<string, FileDescriptorProto>();
  for (const file of files) {
    for (const message of file.messageType) addMessage(symbols, file, file.package, message);
    for (const enumeration of file.enumType) symbols.set(`${file.package}.${enumeration.name}`, file);
    for (const service of file.service) {
      symbols.set(`${file.package}.${service.name}`, file);
      for (const method of service.method) symbols.set(`${file.package}.${service.name}.${method.name}`, file);
    }
  }
  return { files: new Map(files.map((file) => [file.name, file])), symbols };
}

/** A file and everything that it imports: what a client needs to use it. */
function closure(file: FileDescriptorProto, files: Index['files'], seen = new Set<FileDescriptorProto>()): ReadonlySet<FileDescriptorProto> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const name of file.dependency) {
    const imported = files.get(name);
    if (imported !== undefined) closure(imported, files, seen);
  }
  return seen;
}

const notFound = (what: string) => ({ error_response: { error_code: status.NOT_FOUND, error_message: `${what} is not known here` } });

function answer(request: ReflectionRequest, index: Index, services: readonly string[]) {
  switch (request.message_request) {
    case 'list_services':
      return { list_services_response: { service: services.map((name) => ({ name })) } };
    case 'file_by_filename':
    case 'file_containing_symbol': {
      const [name, file] = request.message_request === 'file_by_filename' ? [request.file_by_filename ?? '', index.files.get(request.file_by_filename ?? '')] : [request.file_containing_symbol ?? '', index.symbols.get(request.file_containing_symbol ?? '')];
      if (file === undefined) return notFound(name);
      return { file_descriptor_response: { file_descriptor_proto: [...closure(file, index.files)].map((each) => toBinary(FileDescriptorProtoSchema, each)) } };
    }
    case 'file_containing_extension':
    case 'all_extension_numbers_of_type':
      return notFound('an extension');
    default:
      return { error_response: { error_code: status.INVALID_ARGUMENT, error_message: 'the request asks for nothing' } };
  }
}

/**
 * Server reflection, v1 and v1alpha alike, from buf's own descriptor image. The image is read at the first call. (The packages
 * made for this drop the imports of every file.)
 */
export function reflectionService(services: readonly string[]): UntypedServiceImplementation {
  let index: Index | undefined;
  return {
    ServerReflectionInfo(call: ServerDuplexStream<ReflectionRequest, object>) {
      call.on('data', (request: ReflectionRequest) => {
        index ??= readIndex();
        if (call.write({ valid_host: request.host, original_request: request, ...answer(request, index, services) })) return;
        call.pause();
        call.once('drain', () => call.resume());
      });
      call.on('error', () => {});
      call.on('end', () => call.end());
    },
  };
}
