// The SDK's types: checked by tsc, with pages that are right and pages that are wrong, and held against docs/api/agent.yaml.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { agentContract } from '../../support/openapi.mjs';

const at = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const types = at('agent/web/sdk/openukey.d.ts');

test('tsc --strict takes the types, an example page, and refuses every mistake of typed.ts', () => {
    const options = {
        noEmit: true, strict: true, skipDefaultLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
        lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [], noUnusedLocals: true, exactOptionalPropertyTypes: true, paths: { openukey: [types] },
    };
    const program = ts.createProgram([types, at('agent/web/sdk/sof.d.ts'), at('agent/web/example/portal.ts'), at('tests/unit/sdk/typed.ts')], options);
    const said = ts.getPreEmitDiagnostics(program).map((one) => {
        const { line } = one.file ? one.file.getLineAndCharacterOfPosition(one.start) : { line: 0 };
        return `${one.file?.fileName ?? ''}:${line + 1} ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`;
    });
    assert.deepEqual(said, []);
});

/* The members of each interface: {name: 'required' | 'optional'}. */
function interfaces() {
    const source = ts.createSourceFile(types, readFileSync(types, 'utf8'), ts.ScriptTarget.ES2022);
    const found = new Map();
    for (const statement of source.statements) {
        if (!ts.isInterfaceDeclaration(statement)) continue;
        const members = statement.members.filter(ts.isPropertySignature);
        found.set(statement.name.text, Object.fromEntries(members.map((one) => [one.name.text, one.questionToken ? 'optional' : 'required'])));
    }
    return found;
}

test('what the agent answers is typed as the OpenAPI document describes it, member for member', () => {
    const { schemas } = agentContract().document.components;
    const typed = interfaces();
    const described = ({ properties, required = [] }) =>
        Object.fromEntries(Object.keys(properties).map((name) => [name, required.includes(name) ? 'required' : 'optional']));
    for (const [name, schema] of Object.entries({
        Token: schemas.Token, Capability: schemas.Capability, Name: schemas.Name, Certificate: schemas.Certificate, Revocation: schemas.Revocation,
        Identity: schemas.Identity, Seal: schemas.Seal, Verification: schemas.Verification, Signer: schemas.Verification.properties.signer,
        JobState: schemas.Job, JobInstall: schemas.JobInstall, Statement: schemas.Statement, Digests: schemas.DocumentDigests,
        ServiceState: agentContract().document.paths['/v1/service'].get.responses[200].content['application/json'].schema.properties.services.items,
    })) {
        assert.deepEqual(typed.get(name), described(schema), name);
    }
});
