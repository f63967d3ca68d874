import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { DESCRIPTORS } from '../../src/package-root.ts';
import { REQUIREMENTS } from '../../src/daemon/server/scopes.ts';

/** The contract that plugins serve. The daemon calls it and never offers it. */
const SERVED_BY_PLUGINS = 'tollgate.provider.v1';

const image = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
const rpcs = image.file
  .filter((file) => file.package !== SERVED_BY_PLUGINS)
  .flatMap((file) => file.service.flatMap((service) => service.method.map((method) => `/${file.package}.${service.name}/${method.name}`)));

describe('the table of scopes', () => {
  it('has a row for every RPC of the proto files, and no other', () => {
    expect(Object.keys(REQUIREMENTS).toSorted()).toEqual(rpcs.toSorted());
  });

  it('opens nothing but health to callers without a token', () => {
    const open = Object.entries(REQUIREMENTS).flatMap(([path, requirement]) => (requirement === 'nothing' ? [path] : []));
    expect(open.every((path) => path.startsWith('/grpc.health.v1.Health/'))).toBe(true);
    expect(open).toContain('/grpc.health.v1.Health/Check');
  });
});
