"""dashboard: the stored searches in optuna-dashboard, read from copies of their journals, which it cannot change."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from classify.tuning.journal import open_journal
from featex.errors import InputError, unknown
from featex.system.progress import Progress

HOST = "127.0.0.1"
"""Only this machine can open the dashboard."""

SUFFIX = ".journal"


@dataclass(frozen=True, eq=False)
class Dashboard:
    """A dashboard that is ready to be served.

    Parameters
    ----------
    studies : tuple of str
        Names of the studies that it shows, by the age of their journals.
    journals : tuple of Path
        Where they are stored.
    server : WSGIServer
    """

    studies: tuple[str, ...]
    journals: tuple[Path, ...]
    server: WSGIServer

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server.server_port}/dashboard/"

    def serve(self) -> None:
        """Answer requests until Ctrl-C."""
        try:
            self.server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            self.server.server_close()


def dashboard(
    folder: Path, name: str | None = None, *, port: int = 8080, progress: Progress | None = None
) -> Dashboard:
    """Return a dashboard of the studies below a folder, as they are now.

    Parameters
    ----------
    folder : Path
        The folder of journals, such as artifacts/studies.
    name : str, optional
        Only the studies of this model; or one study. By default all.
    port : int
        0 takes a free one.
    progress : Progress, optional

    Raises
    ------
    InputError
        If optuna-dashboard is not installed, there is no such study, or the port is taken.
    """
    application = _application()
    journals = {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)}
    if not journals:
        raise InputError(f"there is no study in {folder} yet; make one: classify tune svm")
    storage, where = InMemoryStorage(), {}
    for path in [journals[name]] if name in journals else journals.values():
        where |= dict.fromkeys(_copied(path, storage, progress or Progress()), path)
    if name is not None and name not in journals:
        if name not in where:
            raise unknown("model or study", name, [*journals, *where])
        for other in where.keys() - {name}:
            storage.delete_study(storage.get_study_id_from_name(other))
        where = {name: where[name]}
    try:
        server = make_server(HOST, port, application(storage), _Server, _Handler)
    except OSError as error:
        raise InputError(f"port {port} cannot be used ({error.strerror}); choose another: --port {port + 1}") from error
    return Dashboard(tuple(where), tuple(dict.fromkeys(where.values())), server)


def _application() -> Callable:
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise InputError("optuna-dashboard is not installed; install it: pip install '.[dashboard]'") from None
    return wsgi


def _copied(path: Path, storage: BaseStorage, progress: Progress) -> list[str]:
    """Copy all studies of a journal into a storage, and return their names; the journal is not opened itself."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            journal = open_journal(Path(shutil.copy(path, temporary)), progress)
            names = optuna.get_all_study_names(journal)
            for name in names:
                optuna.copy_study(from_study_name=name, from_storage=journal, to_storage=storage)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return names


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write no line for each request."""
