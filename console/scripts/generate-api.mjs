// Writes src/api/schema.d.ts from docs/openapi.json. The file is not committed: it is made before every check and build,
// so it is always what the description says, and the type check finds what no longer fits it.
import { writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../docs/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.d.ts", import.meta.url);
const types = await openapiTS(source, { alphabetize: true, defaultNonNullable: false, emptyObjectsUnknown: true });
writeFileSync(target, `// Made by \`npm run generate\` from docs/openapi.json.\n\n${astToString(types)}`);
