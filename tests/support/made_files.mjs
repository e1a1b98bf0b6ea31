// Small files in other people's formats, made here to be signed: a Windows program and a PDF of one empty page.

/* A PE32+ program of one section with a `ret` in it. */
export function windowsProgram() {
    const file = Buffer.alloc(1024);
    const PE = 0x80;
    const HEADER = PE + 4; // COFF file header, 20 bytes
    const OPTIONAL = HEADER + 20; // 240 bytes with 16 data directories
    const SECTION = OPTIONAL + 240;
    file.write('MZ', 0);
    file.writeUInt32LE(PE, 0x3c);
    file.write('PE', PE);
    file.writeUInt16LE(0x8664, HEADER); // x86-64
    file.writeUInt16LE(1, HEADER + 2); // sections
    file.writeUInt16LE(240, HEADER + 16); // size of the optional header
    file.writeUInt16LE(0x22, HEADER + 18); // executable, knows large addresses
    file.writeUInt16LE(0x20b, OPTIONAL); // PE32+
    file.writeUInt32LE(512, OPTIONAL + 4); // size of code
    file.writeUInt32LE(0x1000, OPTIONAL + 16); // entry point
    file.writeUInt32LE(0x1000, OPTIONAL + 20); // base of code
    file.writeBigUInt64LE(0x140000000n, OPTIONAL + 24); // image base
    file.writeUInt32LE(0x1000, OPTIONAL + 32); // section alignment
    file.writeUInt32LE(0x200, OPTIONAL + 36); // file alignment
    file.writeUInt16LE(6, OPTIONAL + 40); // system version
    file.writeUInt16LE(6, OPTIONAL + 48); // subsystem version
    file.writeUInt32LE(0x2000, OPTIONAL + 56); // size of image
    file.writeUInt32LE(512, OPTIONAL + 60); // size of headers
    file.writeUInt16LE(3, OPTIONAL + 68); // console
    file.writeUInt32LE(16, OPTIONAL + 108); // data directories
    file.write('.text', SECTION);
    file.writeUInt32LE(16, SECTION + 8);
    file.writeUInt32LE(0x1000, SECTION + 12);
    file.writeUInt32LE(512, SECTION + 16);
    file.writeUInt32LE(512, SECTION + 20);
    file.writeUInt32LE(0x60000020, SECTION + 36); // code, may be read and run
    file[512] = 0xc3;
    return file;
}

export function emptyPdf() {
    const objects = [
        '<</Type/Catalog/Pages 2 0 R>>',
        '<</Type/Pages/Kids[3 0 R]/Count 1>>',
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<<>>>>',
    ];
    let text = '%PDF-1.4\n';
    const places = objects.map((object, i) => {
        const at = text.length;
        text += `${i + 1} 0 obj\n${object}\nendobj\n`;
        return `${String(at).padStart(10, '0')} 00000 n \n`;
    });
    const table = text.length;
    text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}`;
    return `${text}trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${table}\n%%EOF\n`;
}
