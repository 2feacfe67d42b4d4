"""The views of the job queue: Dell jobs, DMTF jobs, tasks and task monitors (contract §8.2, §8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body, jobs
from holdfast.simulators.idrac.errors import Info, info_object, missing_resource, refuse, success
from holdfast.simulators.idrac.jobs import Job
from holdfast.simulators.idrac.persona import MGR, ROOT, Persona
from holdfast.simulators.idrac.timeline import iso_bare
from holdfast.simulators.idrac.trees.common import action, collection, resource, status
from holdfast.simulators.idrac.trees.managers import OEM_M
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes

_JOB_SERVICE = f"{OEM_M}/DellJobService"
_TASK_STATES = {
    jobs.NEW: "New",
    jobs.SCHEDULED: "Pending",
    jobs.DOWNLOADING: "Running",
    jobs.DOWNLOADED: "Pending",
    jobs.RUNNING: "Running",
    jobs.COMPLETED: "Completed",
    jobs.WITH_ERRORS: "Completed",
    jobs.FAILED: "Exception",
    jobs.INTERVENTION: "UserIntervention",
    jobs.REBOOT_PENDING: "Running",
    jobs.REBOOT_COMPLETED: "Completed",
    "RebootFailed": "Exception",
}
_STATUS = {jobs.WITH_ERRORS: "Warning", jobs.FAILED: "Critical", "RebootFailed": "Critical"}


def dell_view(bmc: Bmc, job: Job, path: str) -> Json:
    """A job as Dell shows it (contract E7)."""
    content = resource(bmc, path, "DellJob", job.name)
    content |= {
        "Description": "Job Instance",
        "ActualRunningStartTime": iso_bare(job.begun) if job.begun is not None else None,
        "ActualRunningStopTime": iso_bare(job.ended) if job.ended is not None else None,
        "CompletionTime": iso_bare(job.ended) if job.ended is not None else None,
        "EndTime": "TIME_NA",
        "JobState": job.state,
        "JobType": job.kind,
        "Message": job.message,
        "MessageArgs": list(job.args),
        "MessageArgs@odata.count": len(job.args),
        "MessageId": job.message_id,
        "PercentComplete": bmc.jobs.percent_of(job),
        "StartTime": bmc.jobs.start_text(job),
        "TargetSettingsURI": job.target,
    }
    return content


def _messages(bmc: Bmc, job: Job) -> list[object]:
    return [info_object(bmc.persona, Info(job.message_id, job.args))]


def _dmtf_view(bmc: Bmc, job: Job) -> Json:
    path = f"{ROOT}/JobService/Jobs/{job.id}"
    content = resource(bmc, path, "Job", job.name)
    content |= {
        "CreatedBy": "root",
        "StartTime": bmc.stamp(job.begun if job.begun is not None else job.created),
        "EndTime": bmc.stamp(job.ended) if job.ended is not None else None,
        "HidePayload": False,
        "JobState": _TASK_STATES[job.state],
        "JobStatus": _STATUS.get(job.state, "OK"),
        "Messages": _messages(bmc, job),
        "Messages@odata.count": 1,
        "PercentComplete": bmc.jobs.percent_of(job),
        "StepOrder": [],
        "Oem": {
            "Dell": {
                "@odata.type": "#DellJob.v1_5_0.DellJob",
                "CompletionTime": iso_bare(job.ended) if job.ended is not None else None,
                "Description": "Job Instance",
                "EndTime": "TIME_NA",
                "Id": job.id,
                "JobState": job.state,
                "JobType": job.kind,
                "Message": job.message,
                "MessageArgs": list(job.args),
                "MessageId": job.message_id,
                "PercentComplete": bmc.jobs.percent_of(job),
                "StartTime": bmc.jobs.start_text(job),
                "TargetSettingsURI": job.target,
            }
        },
    }
    if job.schedule is not None:
        content |= {"Schedule": job.schedule, "Payload": {"TargetUri": job.payload_uri, "HttpOperation": "POST"}}
    return content


def _task_view(bmc: Bmc, job: Job) -> Json:
    path = f"{ROOT}/TaskService/Tasks/{job.id}"
    content = resource(bmc, path, "Task", job.name)
    inner = dell_view(bmc, job, f"{OEM_M}/Jobs/{job.id}")
    content |= {
        "StartTime": bmc.stamp(job.begun if job.begun is not None else job.created),
        "TaskState": _TASK_STATES[job.state],
        "TaskStatus": _STATUS.get(job.state, "OK"),
        "Messages": _messages(bmc, job),
        "Messages@odata.count": 1,
    }
    if job.ended is not None:
        content["EndTime"] = bmc.stamp(job.ended)
    if bmc.persona.generation >= 9:
        content["PercentComplete"] = bmc.jobs.percent_of(job)
        inner.pop("@odata.id")
        content["Oem"] = {"Dell": inner}
    if bmc.persona.location == "monitor" and not job.over:
        content["TaskMonitor"] = f"{ROOT}/TaskService/TaskMonitors/{job.id}"
    return content


def _need(bmc: Bmc, call: Call) -> Job:
    wanted = call.args[-1]
    if wanted == "decommission":
        # The one task that goes by a name (contract §8.1).
        wanted = bmc.decommission_job or ""
    job = bmc.jobs.find(wanted)
    if job is None:
        raise missing_resource(call.path)
    return job


def _dell_list(bmc: Bmc, call: Call) -> Reply:
    base = call.path
    return collection(bmc, base, "DellJob", [f"{base}/{job.id}" for job in bmc.jobs.visible()], "JobQueue")


def _dell_one(bmc: Bmc, call: Call) -> Reply:
    job = _need(bmc, call)
    return Reply(200, dell_view(bmc, job, call.path))


def _delete(bmc: Bmc, call: Call) -> Reply:
    bmc.jobs.delete(_need(bmc, call))
    return success(bmc.persona, "SUP020")


def _schedule_settings(bmc: Bmc, call: Call) -> Reply:
    target = body.text(call.body, "TargetSettingsURI")
    job = bmc.work.commit_settings(target, call.body)
    return Reply(200 if bmc.persona.generation < 9 else 202, None, bmc.jobs.location(job))


def _job_service(bmc: Bmc, call: Call) -> Reply:
    path = f"{ROOT}/JobService"
    content = resource(bmc, path, "JobService", "Job Service")
    content |= {
        "DateTime": bmc.stamp(bmc.shown_now),
        "Jobs": link(f"{path}/Jobs"),
        "ServiceCapabilities": {"MaxJobs": jobs.MAX_JOBS, "MaxSteps": 1, "Scheduling": True},
        "ServiceEnabled": True,
        "Status": status(),
    }
    return Reply(200, content, volatile=frozenset({"DateTime"}))


def _dmtf_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{ROOT}/JobService/Jobs"
    return collection(bmc, base, "Job", [f"{base}/{job.id}" for job in bmc.jobs.visible()], "Job Collection")


def _dmtf_one(bmc: Bmc, call: Call) -> Reply:
    return Reply(200, _dmtf_view(bmc, _need(bmc, call)))


def _schedule_job(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"Payload", "Schedule"})
    job = bmc.work.schedule_call(body.obj(call.body, "Payload"), body.obj(call.body, "Schedule"))
    return Reply(201, _dmtf_view(bmc, job), {"Location": f"{ROOT}/JobService/Jobs/{job.id}"})


def _tasks_alive(bmc: Bmc) -> list[Job]:
    lifetime = bmc.persona.task_lifetime_s
    return [job for job in bmc.jobs.visible() if job.ended is None or bmc.now - job.ended <= lifetime]


def _task_service(bmc: Bmc, call: Call) -> Reply:
    path = f"{ROOT}/TaskService"
    content = resource(bmc, path, "TaskService", "Task Service")
    content |= {
        "CompletedTaskOverWritePolicy": "Oldest",
        "DateTime": bmc.stamp(bmc.shown_now),
        "LifeCycleEventOnTaskStateChange": True,
        "ServiceEnabled": True,
        "Status": status(),
        "Tasks": link(f"{path}/Tasks"),
    }
    return Reply(200, content, volatile=frozenset({"DateTime"}))


def _task_list(bmc: Bmc, call: Call) -> Reply:
    base = f"{ROOT}/TaskService/Tasks"
    return collection(bmc, base, "Task", [f"{base}/{job.id}" for job in _tasks_alive(bmc)], "Task Collection")


def _finished_file(bmc: Bmc, job: Job) -> Reply | None:
    if job.file is not None:
        place = {"Location": f"{ROOT}/Dell/{job.file.name}"}
        if bmc.persona.generation >= 10:
            return Reply(204, None, place)
        return Reply(200, _task_view(bmc, job), place)
    if job.document is not None and job.state == jobs.COMPLETED:
        return Reply(200, text=job.document, content_type=job.document_type)
    return None


def _task_one(bmc: Bmc, call: Call) -> Reply:
    job = _need(bmc, call)
    if job not in _tasks_alive(bmc):
        raise missing_resource(call.path)
    if not job.over:
        return Reply(202, _task_view(bmc, job))
    return _finished_file(bmc, job) or Reply(200, _task_view(bmc, job))


def _monitor(bmc: Bmc, call: Call) -> Reply:
    job = _need(bmc, call)
    if not job.over:
        return Reply(202, _task_view(bmc, job))
    if job.monitor_read:
        raise missing_resource(call.path)
    job.monitor_read = True
    return _finished_file(bmc, job) or Reply(200, _task_view(bmc, job))


def _oem_service(bmc: Bmc, call: Call) -> Reply:
    content = resource(bmc, _JOB_SERVICE, "DellJobService", "DellJobService")
    base = f"{_JOB_SERVICE}/Actions/DellJobService"
    content["Actions"] = {
        "#DellJobService.DeleteJobQueue": {"target": f"{base}.DeleteJobQueue"},
        "#DellJobService.SetupJobQueue": {"target": f"{base}.SetupJobQueue"},
        "#DellJobService.CreateRebootJob": action(
            f"{base}.CreateRebootJob",
            RebootJobType=(
                "GracefulRebootWithForcedShutdown",
                "GracefulRebootWithoutForcedShutdown",
                "PowerCycle",
            ),
        ),
    }
    return Reply(200, content)


def _delete_queue(bmc: Bmc, call: Call) -> Reply:
    job_id = body.text(call.body, "JobID")
    if job_id in ("JID_CLEARALL", "JID_CLEARALL_FORCE"):
        bmc.jobs.clear(force=job_id.endswith("FORCE"))
        if job_id.endswith("FORCE"):
            bmc.life.clear_lifecycle()
        return success(bmc.persona, "SUP020")
    job = bmc.jobs.find(job_id)
    if job is None:
        raise refuse(400, "SUP024", job_id)
    bmc.jobs.delete(job)
    return success(bmc.persona, "SUP020")


def _reboot_job(bmc: Bmc, call: Call) -> Reply:
    kinds = ("PowerCycle", "GracefulRebootWithForcedShutdown", "GracefulRebootWithoutForcedShutdown")
    job = bmc.work.reboot_job(body.text(call.body, "RebootJobType", allowed=kinds))
    return Reply(202, None, {"Location": f"{OEM_M}/Jobs/{job.id}"})


def _setup_queue(bmc: Bmc, call: Call) -> Reply:
    names = body.texts(call.body, "JobArray")
    start = body.text(call.body, "StartTimeInterval", default="TIME_NOW")
    bmc.work.setup_queue(names, start)
    return success(bmc.persona)


def _download(bmc: Bmc, call: Call) -> Reply:
    found = bmc.jobs.files.get(call.args[0])
    if found is None:
        raise missing_resource(call.path)
    return Reply(200, raw=found.content, content_type=found.content_type)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the views that this generation has."""
    components = "ConfigureComponents"
    for base, there in ((f"{MGR}/Jobs", persona.manager_jobs), (f"{OEM_M}/Jobs", persona.oem_jobs)):
        if there:
            routes.get(base, _dell_list)
            routes.get(f"{base}/*", _dell_one)
            routes.add("POST", base, _schedule_settings, privilege=components)
            if persona.generation < 9:
                routes.add("DELETE", f"{base}/*", _delete, privilege=components)
    routes.get(f"{ROOT}/TaskService", _task_service)
    routes.get(f"{ROOT}/TaskService/Tasks", _task_list)
    routes.get(f"{ROOT}/TaskService/Tasks/*", _task_one)
    if persona.location == "monitor":
        routes.get(f"{ROOT}/TaskService/TaskMonitors/*", _monitor)
    if persona.job_service:
        routes.get(f"{ROOT}/JobService", _job_service)
        routes.get(f"{ROOT}/JobService/Jobs", _dmtf_list)
        routes.get(f"{ROOT}/JobService/Jobs/*", _dmtf_one)
        routes.add("POST", f"{ROOT}/JobService/Jobs", _schedule_job, privilege=components)
        routes.add("DELETE", f"{ROOT}/JobService/Jobs/*", _delete, privilege=components)
    if persona.oem_services:
        routes.get(_JOB_SERVICE, _oem_service)
        routes.action(_JOB_SERVICE, "DellJobService.DeleteJobQueue", _delete_queue, privilege=components)
        routes.action(_JOB_SERVICE, "DellJobService.CreateRebootJob", _reboot_job, privilege=components, locked=False)
        routes.action(_JOB_SERVICE, "DellJobService.SetupJobQueue", _setup_queue, privilege=components)
    routes.get(f"{ROOT}/Dell/*", _download)
