import { writeFileSync } from 'node:fs';
import * as z from 'zod';
import { configSchema } from '../src/daemon/config/schema.ts';

/** Writes the config file's JSON Schema, which editors complete and check with. */
const [target = 'config.schema.json'] = process.argv.slice(2);
const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' });
writeFileSync(target, `${JSON.stringify({ ...schema, title: "Tollgate's config.json" }, null, 2)}\n`);
