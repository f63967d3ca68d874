#!/usr/bin/env node
import { launch } from './launch.js';

await launch(['start', '--foreground', ...process.argv.slice(2)]);
