import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type * as ProtoLoader from '@grpc/proto-loader';
import { PACKAGE_ROOT } from '../../package-root.ts';

const FILES = ['grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto', 'grpc/reflection/v1alpha/reflection.proto'];
const PROTO_DIR = fileURLToPath(new URL('proto', PACKAGE_ROOT));

type Methods = Readonly<Record<string, { readonly requestStream: boolean; readonly responseStream: boolean }>>;

const UNARY = { requestStream: false, responseStream: false };
const HEALTH: Methods = { Check: UNARY, List: UNARY, Watch: { requestStream: false, responseStream: true } };
const REFLECTION: Methods = { ServerReflectionInfo: { requestStream: true, responseStream: true } };

let loaded: ProtoLoader.PackageDefinition | undefined;

function methodOf(service: string, method: string): MethodDefinition<object, object> {
  if (loaded === undefined) {
    // Read at the first call: it takes a third of a cold start, and most daemons are never asked.
    const { loadSync }: typeof ProtoLoader = createRequire(import.meta.url)('@grpc/proto-loader');
    loaded = loadSync(FILES, { includeDirs: [PROTO_DIR], keepCase: true, enums: String, defaults: true, oneofs: true });
  }
  const definition = loaded[service];
  const found = definition === undefined || 'format' in definition ? undefined : definition[method];
  if (found === undefined) throw new Error(`${service}/${method} stands in no proto file`);
  return found;
}

const serviceOf = (service: string, methods: Methods): ServiceDefinition =>
  Object.fromEntries(
    Object.entries(methods).map(([method, streams]) => [
      method,
      {
        path: `/${service}/${method}`,
        ...streams,
        requestSerialize: (message: object) => methodOf(service, method).requestSerialize(message),
        requestDeserialize: (bytes: Buffer) => methodOf(service, method).requestDeserialize(bytes),
        responseSerialize: (message: object) => methodOf(service, method).responseSerialize(message),
        responseDeserialize: (bytes: Buffer) => methodOf(service, method).responseDeserialize(bytes),
      },
    ]),
  );

/** gRPC's own services. Their messages come from the proto files, through proto-loader. */
export const HEALTH_SERVICE = serviceOf('grpc.health.v1.Health', HEALTH);
export const REFLECTION_SERVICE = serviceOf('grpc.reflection.v1.ServerReflection', REFLECTION);
export const REFLECTION_ALPHA_SERVICE = serviceOf('grpc.reflection.v1alpha.ServerReflection', REFLECTION);
