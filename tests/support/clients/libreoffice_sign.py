"""Has a running LibreOffice sign: usage libreoffice_sign.py PIPE PIN SUBJECT FOLDER

Connects to the soffice that listens on PIPE, gives the PIN when LibreOffice asks for it (once: NSS asks again and again for
one that is refused), makes a document, exports it as a signed PDF with the certificate whose subject is SUBJECT, and signs it
as ODT: FOLDER/document.pdf and FOLDER/document.odt.
"""

import os
import sys
import time

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.embed.ElementModes import READ, READWRITE
from com.sun.star.lang import XServiceInfo, XSingleComponentFactory, XSingleServiceFactory
from com.sun.star.task import XInteractionHandler2

ABORT = "com.sun.star.task.XInteractionAbort"


def value(name, content):
    return PropertyValue(Name=name, Value=content)


class PinHandler(unohelper.Base, XInteractionHandler2):
    """Stands where LibreOffice's dialogs are."""

    def __init__(self, pin):
        self.pin = pin
        self.asked = 0

    def handle(self, request):
        self.handleInteractionRequest(request)

    def handleInteractionRequest(self, request):
        self.asked += 1
        continuations = request.getContinuations()
        for one in continuations:
            if hasattr(one, "setPassword") and self.asked == 1:
                one.setPassword(self.pin)
                one.select()
                return True
        for one in continuations:
            if ABORT in [kind.typeName for kind in one.getTypes()]:
                one.select()
                return True
        return False


class HandlerFactory(unohelper.Base, XSingleComponentFactory, XSingleServiceFactory, XServiceInfo):
    def __init__(self, handler):
        self.handler = handler

    def createInstanceWithContext(self, context):
        return self.handler

    def createInstanceWithArgumentsAndContext(self, arguments, context):
        return self.handler

    def createInstance(self):
        return self.handler

    def createInstanceWithArguments(self, arguments):
        return self.handler

    def getImplementationName(self):
        return "org.openukey.test.PinHandler"

    def supportsService(self, name):
        return name in self.getSupportedServiceNames()

    def getSupportedServiceNames(self):
        return ("com.sun.star.task.InteractionHandler",)


def connect(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    deadline = time.monotonic() + 60
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main():
    pipe, pin, subject, folder = sys.argv[1:]
    context = connect(pipe)
    manager = context.ServiceManager

    def new(name, *arguments):
        if arguments:
            return manager.createInstanceWithArgumentsAndContext(name, arguments, context)
        return manager.createInstanceWithContext(name, context)

    manager.remove("com.sun.star.comp.uui.UUIInteractionHandler")
    handler = PinHandler(pin)
    manager.insert(HandlerFactory(handler))

    security = new("com.sun.star.xml.crypto.SEInitializer").createSecurityContext("")
    personal = security.getSecurityEnvironment().getPersonalCertificates()
    mine = [one for one in personal if one.SubjectName == subject]
    if len(mine) != 1:
        sys.exit(f"no certificate of {subject}, but {[one.SubjectName for one in personal]}; asked {handler.asked} times")

    desktop = new("com.sun.star.frame.Desktop")
    document = desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, (value("Hidden", True),))
    document.Text.String = "What is signed. 投标文件：人民币 1,234.00 元。"
    odt, pdf = (f"file://{folder}/document.{kind}" for kind in ("odt", "pdf"))
    document.storeToURL(odt, (value("FilterName", "writer8"),))
    wishes = (value("SignPDF", True), value("SignatureCertificate", mine[0]), value("SignaturePassword", pin))
    wishes = uno.Any("[]com.sun.star.beans.PropertyValue", wishes)
    document.storeToURL(pdf, (value("FilterName", "writer_pdf_Export"), value("FilterData", wishes)))
    document.close(True)

    storages = new("com.sun.star.embed.StorageFactory")
    files = new("com.sun.star.ucb.SimpleFileAccess")

    def storage(stream, mode):
        zipped = uno.Any("[]com.sun.star.beans.PropertyValue", (value("StorageFormat", "ZipFormat"),))
        return uno.invoke(storages, "createInstanceWithArguments", ((stream, mode, zipped),))

    stream = files.openFileReadWrite(odt)
    package = storage(stream, READWRITE)
    meta = package.openStorageElement("META-INF", READWRITE)
    signatures = meta.openStreamElement("documentsignatures.xml", READWRITE)
    signer = new("com.sun.star.security.DocumentDigitalSignatures", "1.3")
    if not signer.signDocumentWithCertificate(mine[0], storage(files.openFileRead(odt), READ), signatures):
        sys.exit("LibreOffice did not sign the document")
    meta.commit()
    package.commit()
    package.dispose()
    print(f"signed; asked for the PIN {handler.asked} times", flush=True)
    try:
        desktop.terminate()
    except BaseException:
        pass  # the bridge goes with it
    os._exit(0)


main()
