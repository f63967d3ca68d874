import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

const PROTO_DIR = ['../../../proto', '../../../../proto'].map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path)) ?? '';

function serviceOf(definitions: PackageDefinition, name: string): ServiceDefinition {
  const definition = definitions[name];
  if (definition === undefined || 'format' in definition) throw new Error(`${name} is not a service`);
  return definition;
}

/** Loads the definitions of the services that are gRPC's own: health and reflection. */
export function loadForeignServices() {
  const definitions = loadSync(['grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto', 'grpc/reflection/v1alpha/reflection.proto'], {
    includeDirs: [PROTO_DIR],
    keepCase: true,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return {
    health: serviceOf(definitions, 'grpc.health.v1.Health'),
    reflection: serviceOf(definitions, 'grpc.reflection.v1.ServerReflection'),
    reflectionAlpha: serviceOf(definitions, 'grpc.reflection.v1alpha.ServerReflection'),
  };
}
