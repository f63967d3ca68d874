import type { Scope } from '../access/caller.ts';

/** What an RPC wants: a scope, any one of several, any valid token, or nothing. */
export type Requirement = Scope | readonly Scope[] | 'any token' | 'nothing';

/** Every RPC that the daemon serves. One that does not stand here is refused. */
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  '/tollgate.v1.GenerateService/Generate': 'generate',
  '/tollgate.v1.GenerateService/ResumeGeneration': 'generate',
  '/tollgate.v1.GenerateService/PlanRoute': 'generate',
  '/tollgate.v1.GenerateService/ListModels': 'generate',
  '/tollgate.v1.GenerateService/Embed': 'generate',
  '/tollgate.v1.UsageService/GetSummary': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/QueryUsage': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/ListGenerations': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/GetGeneration': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/WatchUsage': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/ExportUsage': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/ImportUsage': 'usage:admin',
  '/tollgate.v1.UsageService/ClearUsage': 'usage:admin',
  '/tollgate.v1.UsageService/GetQuota': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/GetPrice': ['usage:read', 'usage:admin'],
  '/tollgate.v1.UsageService/GetPriceList': ['usage:read', 'usage:admin', 'admin'],
  '/tollgate.v1.UsageService/UpdatePriceList': 'admin',
  '/tollgate.v1.UsageService/ResetPriceList': 'admin',
  '/tollgate.v1.AccessService/CreateToken': 'admin',
  '/tollgate.v1.AccessService/ListTokens': 'admin',
  '/tollgate.v1.AccessService/RevokeToken': 'admin',
  '/tollgate.v1.AccessService/WhoAmI': 'any token',
  '/tollgate.v1.KeysService/ListProviders': 'keys',
  '/tollgate.v1.KeysService/GetProvider': 'keys',
  '/tollgate.v1.KeysService/SetKey': 'keys',
  '/tollgate.v1.KeysService/RemoveKey': 'keys',
  '/tollgate.v1.KeysService/ValidateKey': 'keys',
  '/tollgate.v1.KeysService/ResetHealth': 'keys',
  '/tollgate.v1.KeysService/Lock': 'keys',
  '/tollgate.v1.KeysService/Unlock': 'keys',
  '/tollgate.v1.ConfigService/GetConfig': 'admin',
  '/tollgate.v1.ConfigService/UpdateConfig': 'admin',
  '/grpc.health.v1.Health/Check': 'nothing',
  '/grpc.health.v1.Health/List': 'nothing',
  '/grpc.health.v1.Health/Watch': 'nothing',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'any token',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'any token',
};

/** Whether a caller's scopes are enough for an RPC. */
export function meets(requirement: Requirement | undefined, scopes: ReadonlySet<Scope>): boolean {
  if (requirement === undefined) return false;
  if (requirement === 'any token' || requirement === 'nothing') return true;
  return typeof requirement === 'string' ? scopes.has(requirement) : requirement.some((scope) => scopes.has(scope));
}
