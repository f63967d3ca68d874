import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import { AccessServiceService } from '../../gen/tollgate/v1/access_service.ts';
import { ConfigServiceService } from '../../gen/tollgate/v1/config_service.ts';
import { GenerateServiceService } from '../../gen/tollgate/v1/generate_service.ts';
import { KeysServiceService } from '../../gen/tollgate/v1/keys_service.ts';
import { UsageServiceService } from '../../gen/tollgate/v1/usage_service.ts';
import type { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import { Roster } from '../roster.ts';
import { accessService, type AccessServiceParts } from './access-service.ts';
import type { CallGate } from './call-gate.ts';
import { GENERATE_MS, generateService, type GenerateServiceParts } from './generate-service.ts';
import { configService, type ConfigServiceParts } from './config-service.ts';
import { EMBED_MS } from './embed.ts';
import { encodeResponse } from './encode-response.ts';
import { HEALTH_SERVICE, REFLECTION_ALPHA_SERVICE, REFLECTION_SERVICE } from './foreign-services.ts';
import { healthService } from './health-service.ts';
import { KEYS_MS, keysService, type KeysServiceParts } from './keys-service.ts';
import { reflectionService } from './reflection-service.ts';
import { serverStream, tolerant, unary, type Serving } from './serve.ts';
import { usageRpcs } from './usage-rpcs.ts';
import { usageService } from './usage-service.ts';

export interface GrpcServerParts extends GenerateServiceParts, KeysServiceParts, ConfigServiceParts, AccessServiceParts {
  readonly log: Logger;
  readonly gate: CallGate;
  readonly maxRequestBytes: number;
}

export interface GrpcServer {
  readonly inject: (socket: Socket) => void;
  /** Says goodbye on every connection; running calls go on for at most `graceMs`. */
  drain(graceMs: number): void;
  /** Ends every running call with this failure. */
  abort(failure: Failure): void;
  /** Closes every connection now. */
  destroy(): void;
}

/** messages → parts → provider_metadata_json, and what tools and maps hold. */
const GENERATE_SHAPE = { 2: { 2: { 7: {} } } };

const serviceNames = (definitions: readonly ServiceDefinition[]): readonly string[] =>
  definitions.flatMap((definition) => Object.values(definition)[0]?.path.split('/')[1] ?? []);

/** Puts every service behind the gate, with the limits that gRPC leaves open. */
export function grpcServer(parts: GrpcServerParts): GrpcServer {
  const { log, gate } = parts;
  const serving: Serving = { log, running: new Roster() };
  const server = new Server({
    interceptors: [gate.interceptor],
    'grpc.max_concurrent_streams': 64,
    'grpc.max_receive_message_length': parts.maxRequestBytes,
    'grpc.max_send_message_length': 4 * 1024 * 1024,
    'grpc.max_connection_idle_ms': 15 * 60_000,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
    'grpc-node.max_session_memory': 64,
  });

  const generate = generateService(parts);
  const access = accessService(parts);
  const keys = keysService(parts);
  const config = configService(parts);
  const usage = usageService({ ...parts, ...parts.usage });
  const names = serviceNames([GenerateServiceService, KeysServiceService, UsageServiceService, ConfigServiceService, AccessServiceService, HEALTH_SERVICE, REFLECTION_SERVICE, REFLECTION_ALPHA_SERVICE]);
  const healthy = healthService(names);
  const services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[] = [
    [
      { generate: { ...tolerant(GenerateServiceService.generate, GENERATE_SHAPE), responseSerialize: encodeResponse }, resumeGeneration: tolerant(GenerateServiceService.resumeGeneration), listModels: tolerant(GenerateServiceService.listModels), embed: tolerant(GenerateServiceService.embed), planRoute: tolerant(GenerateServiceService.planRoute, { 1: GENERATE_SHAPE }) },
      { generate: serverStream(serving, GENERATE_MS, generate.generate), resumeGeneration: serverStream(serving, GENERATE_MS, generate.resumeGeneration), listModels: unary(serving, generate.listModels), embed: unary(serving, generate.embed, EMBED_MS), planRoute: unary(serving, generate.planRoute) },
    ],
    [
      {
        createToken: tolerant(AccessServiceService.createToken),
        listTokens: tolerant(AccessServiceService.listTokens),
        revokeToken: tolerant(AccessServiceService.revokeToken),
        whoAmI: tolerant(AccessServiceService.whoAmI),
      },
      { createToken: unary(serving, access.createToken), listTokens: unary(serving, access.listTokens), revokeToken: unary(serving, access.revokeToken), whoAmI: unary(serving, access.whoAmI) },
    ],
    [
      {
        listProviders: tolerant(KeysServiceService.listProviders),
        getProvider: tolerant(KeysServiceService.getProvider),
        setKey: tolerant(KeysServiceService.setKey),
        removeKey: tolerant(KeysServiceService.removeKey),
        validateKey: tolerant(KeysServiceService.validateKey),
        resetHealth: tolerant(KeysServiceService.resetHealth),
        lock: tolerant(KeysServiceService.lock),
        unlock: tolerant(KeysServiceService.unlock),
      },
      {
        listProviders: unary(serving, keys.listProviders, KEYS_MS),
        getProvider: unary(serving, keys.getProvider, KEYS_MS),
        setKey: unary(serving, keys.setKey, KEYS_MS),
        removeKey: unary(serving, keys.removeKey, KEYS_MS),
        validateKey: unary(serving, keys.validateKey, KEYS_MS),
        resetHealth: unary(serving, keys.resetHealth),
        lock: unary(serving, keys.lock, KEYS_MS),
        unlock: unary(serving, keys.unlock, KEYS_MS),
      },
    ],
    [
      { getConfig: tolerant(ConfigServiceService.getConfig), updateConfig: tolerant(ConfigServiceService.updateConfig) },
      { getConfig: unary(serving, config.getConfig), updateConfig: unary(serving, config.updateConfig) },
    ],
    usageRpcs(serving, usage),
    [HEALTH_SERVICE, healthy.implementation],
    [REFLECTION_SERVICE, reflectionService(names)],
    [REFLECTION_ALPHA_SERVICE, reflectionService(names)],
  ];
  for (const [definition, implementation] of services) server.addService(definition, implementation);

  const sockets = new Set<Socket>();
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    inject(socket) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      injector.injectConnection(socket);
    },
    drain(graceMs) {
      healthy.stop();
      usage.stop();
      injector.drain(graceMs);
    },
    abort(failure) {
      for (const abort of serving.running) abort(failure);
    },
    destroy() {
      injector.destroy();
      // gRPC forgets injected sessions when it closes by force.
      for (const socket of sockets) socket.destroy();
    },
  };
}
