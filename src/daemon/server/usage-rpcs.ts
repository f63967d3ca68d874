import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { UsageServiceService } from '../../gen/tollgate/v1/usage_service.ts';
import { clientStream, serverStream, tolerant, unary, type Serving } from './serve.ts';
import type { usageService } from './usage-service.ts';

/** How long an export or an import may take when its caller sets no deadline: a person may read an export page by page. */
const WHOLE_MS = 60 * 60_000;

/** How long a price list may take to come, to be checked and to be kept, when its caller sets no deadline. */
const FETCH_MS = 60_000;

/** Far more than an imported generation may have: several of them wait to be taken in. */
const MAX_IMPORT_BYTES = 1024 * 1024;

/** The UsageService as gRPC serves it. */
export function usageRpcs(serving: Serving, usage: ReturnType<typeof usageService>): readonly [ServiceDefinition, UntypedServiceImplementation] {
  return [
    {
      getSummary: tolerant(UsageServiceService.getSummary),
      queryUsage: tolerant(UsageServiceService.queryUsage),
      listGenerations: tolerant(UsageServiceService.listGenerations),
      getGeneration: tolerant(UsageServiceService.getGeneration),
      watchUsage: tolerant(UsageServiceService.watchUsage),
      exportUsage: tolerant(UsageServiceService.exportUsage),
      importUsage: tolerant(UsageServiceService.importUsage, { 1: { 12: {} } }, MAX_IMPORT_BYTES),
      clearUsage: tolerant(UsageServiceService.clearUsage),
      getQuota: tolerant(UsageServiceService.getQuota),
      getPrice: tolerant(UsageServiceService.getPrice),
      getPriceList: tolerant(UsageServiceService.getPriceList),
      updatePriceList: tolerant(UsageServiceService.updatePriceList),
      resetPriceList: tolerant(UsageServiceService.resetPriceList),
    },
    {
      getSummary: unary(serving, usage.getSummary),
      queryUsage: unary(serving, usage.queryUsage),
      listGenerations: unary(serving, usage.listGenerations),
      getGeneration: unary(serving, usage.getGeneration),
      watchUsage: serverStream(serving, Number.POSITIVE_INFINITY, usage.watchUsage),
      exportUsage: serverStream(serving, WHOLE_MS, usage.exportUsage),
      importUsage: clientStream(serving, WHOLE_MS, usage.importUsage),
      clearUsage: unary(serving, usage.clearUsage),
      getQuota: unary(serving, usage.getQuota),
      getPrice: unary(serving, usage.getPrice),
      getPriceList: unary(serving, usage.getPriceList),
      updatePriceList: unary(serving, usage.updatePriceList, FETCH_MS),
      resetPriceList: unary(serving, usage.resetPriceList),
    },
  ];
}
