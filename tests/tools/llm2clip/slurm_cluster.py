"""A Slurm of one node on loopback, where slurm-wlm is installed and this is root; without munge, accounting and cgroups."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=0
MpiDefault=none
ReturnToService=2
KillWait=10
MinJobAge=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """What a cluster of our own lacks here; empty: nothing."""
    programs = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
    absent = [name for name in programs if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} not there (apt-get install slurm-wlm)"
    return "" if os.geteuid() == 0 else "slurmd needs root"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cluster:
    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def run(self, *command: str, **environment: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment | environment)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def states(self, job: str) -> list[str]:
        """One a task, as Slurm calls them."""
        records = self.run("scontrol", "--oneliner", "show", "job", job).splitlines()
        return [field.partition("=")[2] for record in records for field in record.split() if field.startswith("JobState=")]

    def wait(self, what: str, true, seconds: float = 100) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            logs = "\n".join((self.folder / name).read_text()[-2000:] for name in ("slurmctld.log", "slurmd.log"))
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s\n{logs}"
            time.sleep(0.2)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    ports = {"controller_port": free_port(), "node_port": free_port()}
    (folder / "slurm.conf").write_text(SETTINGS.format(folder=folder, host=host, **ports))
    cluster = Cluster(folder)
    daemons = []
    try:
        for name in ("slurmctld", "slurmd"):
            log = (folder / f"{name}.out").open("w")
            daemons.append(subprocess.Popen([name, "-D"], env=cluster.environment, stdout=log, stderr=log))
        cluster.wait("the node", lambda: "idle" in subprocess.run(
            ["sinfo", "-h", "-o", "%t"], capture_output=True, text=True, env=cluster.environment).stdout)
        yield cluster
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
