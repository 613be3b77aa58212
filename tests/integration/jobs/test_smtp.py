"""Mail handed to an SMTP server: over TLS, with a password, or not at all."""

import base64
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.jobs import mail
from app.jobs.mail import SmtpMail

pytestmark = pytest.mark.usefixtures("short_patience")


class Server(threading.Thread):
    """An SMTP server for one conversation: keeps what it was told, and whether that was over TLS."""

    def __init__(self, tls: ssl.SSLContext, *, begins_with_tls: bool, offers_tls: bool, is_silent: bool) -> None:
        super().__init__(daemon=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(30)
        self._tls, self._begins_with_tls = tls, begins_with_tls
        self._offers_tls, self._is_silent = offers_tls, is_silent
        self.port = self._listening.getsockname()[1]
        self.commands: list[str] = []
        self.letter = ""
        self.is_over_tls = False

    def run(self) -> None:
        """Answer one client."""
        with self._listening:
            connection, _ = self._listening.accept()
        connection.settimeout(30)
        try:
            if self._begins_with_tls:
                connection = self._secured(connection)
            if self._is_silent:
                connection.recv(1)
                return
            self._converse(connection)
        except OSError:
            return  # the client hung up: what it said until then is what the test is about
        finally:
            connection.close()

    def _secured(self, connection: socket.socket) -> ssl.SSLSocket:
        secured = self._tls.wrap_socket(connection, server_side=True)
        self.is_over_tls = True
        return secured

    def _converse(self, connection: socket.socket, *, greets: bool = True) -> None:
        if greets:
            connection.sendall(b"220 ready\r\n")
        heard = b""
        while True:
            while b"\r\n" not in heard:
                more = connection.recv(4096)
                if not more:
                    return
                heard += more
            line, _, heard = heard.partition(b"\r\n")
            command = line.decode()
            self.commands.append(command)
            match command.split()[0].upper():
                case "EHLO":
                    extensions = ["AUTH PLAIN"] if self.is_over_tls else ["STARTTLS"] if self._offers_tls else []
                    lines = ["regie.example.test", *extensions]
                    connection.sendall("".join(f"250-{one}\r\n" for one in lines).encode() + b"250 SIZE\r\n")
                case "STARTTLS":
                    connection.sendall(b"220 go ahead\r\n")
                    with self._secured(connection) as secured:
                        self._converse(secured, greets=False)
                    return
                case "AUTH":
                    connection.sendall(b"235 welcome\r\n")
                case "DATA":
                    connection.sendall(b"354 go ahead\r\n")
                    while not heard.endswith(b"\r\n.\r\n"):
                        heard += connection.recv(4096)
                    self.letter, heard = heard.decode(), b""
                    connection.sendall(b"250 taken\r\n")
                case "QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                case _:
                    connection.sendall(b"250 ok\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate of 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "regie.example.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem),
    )
    return path


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 20)


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def server(certificate: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that listens; ``request.param`` says how it differs from one that offers STARTTLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    manner = {"begins_with_tls": False, "offers_tls": True, "is_silent": False, **getattr(request, "param", {})}
    started = Server(tls, **manner)
    started.start()
    yield started
    started.join(60)
    assert not started.is_alive()


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "regie@example.test", "zonnestraal@example.test"
    message["Message-ID"] = "<abc@regie.example.test>"
    message.set_content("Een app meldt zich.\n")
    return message


async def test_with_starttls_nothing_is_said_before_it_but_hello(server: Server, trusting: ssl.SSLContext) -> None:
    await SmtpMail(f"smtp://127.0.0.1:{server.port}", tls=trusting).send(letter())
    assert server.commands[0].upper().startswith("EHLO")
    assert server.commands[1] == "STARTTLS"
    assert server.is_over_tls
    assert "Message-ID: <abc@regie.example.test>" in server.letter
    assert "Een app meldt zich." in server.letter


@pytest.mark.parametrize("server", [{"begins_with_tls": True}], indirect=True)
async def test_a_password_with_odd_letters_arrives(server: Server, trusting: ssl.SSLContext) -> None:
    await SmtpMail(f"smtps://regie%40example.test:p%3Aw%2F%25@127.0.0.1:{server.port}", tls=trusting).send(letter())
    (told,) = [command.split()[2] for command in server.commands if command.startswith("AUTH PLAIN")]
    assert base64.b64decode(told) == b"\0regie@example.test\0p:w/%"
    assert [command for command in server.commands if "zonnestraal@example.test" in command]


@pytest.mark.parametrize("server", [{"offers_tls": False}], indirect=True)
async def test_a_server_elsewhere_without_tls_gets_nothing(
    server: Server, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_THIS_MACHINE", frozenset())
    with pytest.raises(smtplib.SMTPNotSupportedError):
        await SmtpMail(f"smtp://regie:geheim@127.0.0.1:{server.port}", tls=trusting).send(letter())
    assert [command[:4].upper() for command in server.commands] == ["EHLO"]


@pytest.mark.parametrize("server", [{"offers_tls": False}], indirect=True)
async def test_a_server_on_this_machine_may_do_without_tls(server: Server) -> None:
    await SmtpMail(f"smtp://127.0.0.1:{server.port}").send(letter())
    assert not server.is_over_tls
    assert "Een app meldt zich." in server.letter


async def test_a_server_that_is_not_who_it_says_gets_nothing(server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await SmtpMail(f"smtp://127.0.0.1:{server.port}").send(letter())
    assert server.commands[1:] == ["STARTTLS"]


@pytest.mark.parametrize("server", [{"is_silent": True}], indirect=True)
async def test_a_silent_server_is_not_waited_for_long(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.05)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        await SmtpMail(f"smtp://127.0.0.1:{server.port}").send(letter())


async def test_where_no_server_is_the_mail_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await SmtpMail(f"smtp://127.0.0.1:{port}").send(letter())
