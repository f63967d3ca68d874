import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Method } from './call.ts';

const SERVING = 1;

/** `grpc.health.v1.Health/Check` of the whole server: whether it is SERVING. Two fields, so read by hand. */
export const healthCheck: Method<null, boolean> = {
  path: '/grpc.health.v1.Health/Check',
  requestSerialize: () => Buffer.alloc(0),
  responseDeserialize(bytes) {
    const reader = new BinaryReader(bytes);
    let status = 0;
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (field === 1) status = reader.int32();
      else reader.skip(wire);
    }
    return status === SERVING;
  },
};
