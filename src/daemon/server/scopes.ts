import type { Scope } from '../access/caller.ts';

/** What an RPC wants: a scope, any valid token, or nothing. */
export type Requirement = Scope | 'any token' | 'nothing';

/** Every RPC that the daemon serves. One that does not stand here is refused. */
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  '/tollgate.v1.GenerateService/Generate': 'generate',
  '/tollgate.v1.GenerateService/ListModels': 'generate',
  '/tollgate.v1.GenerateService/Embed': 'generate',
  '/tollgate.v1.AccessService/CreateToken': 'admin',
  '/tollgate.v1.AccessService/WhoAmI': 'any token',
  '/grpc.health.v1.Health/Check': 'nothing',
  '/grpc.health.v1.Health/List': 'nothing',
  '/grpc.health.v1.Health/Watch': 'nothing',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'any token',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'any token',
};
