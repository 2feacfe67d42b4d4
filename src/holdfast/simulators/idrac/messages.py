"""Message ids of the two registries an iDRAC speaks: what happened, how bad, what to do (contract §5.2).

Texts are worded here; ids and their meanings are the vendor's. `%1` … `%3` stand for arguments.
"""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """One registry entry; severity is OK, Warning, Critical or Informational."""

    text: str
    severity: str
    resolution: str = "No response action is required."


_NONE = "No response action is required."
_RETRY = "Wait for some time and retry the operation."

BASE: dict[str, Message] = {
    "Success": Message("The request completed successfully.", "OK", "None"),
    "GeneralError": Message(
        "A general error has occurred. See ExtendedInfo for more information.", "Critical", "See ExtendedInfo."
    ),
    "Created": Message("The resource was created successfully.", "OK", "None"),
    "AccessDenied": Message("Access to the resource %1 was denied.", "Critical", "Give valid credentials."),
    "NoValidSession": Message("There is no valid session for the request.", "Critical", "Log in and resubmit."),
    "InsufficientPrivilege": Message(
        "The account or its session lacks a privilege that the operation needs.",
        "Critical",
        "Use an account with the privilege and resubmit.",
    ),
    "ResourceMissingAtURI": Message("The resource at the URI %1 was not found.", "Critical", "Check the URI."),
    "ResourceNotFound": Message("The resource %1 named %2 was not found.", "Critical", "Check the identifier."),
    "OperationNotAllowed": Message("The HTTP method is not allowed on this resource.", "Critical", "None."),
    "MalformedJSON": Message("The request body is not valid JSON.", "Critical", "Correct the body and resubmit."),
    "UnrecognizedRequestBody": Message("The request body could not be processed.", "Warning", "Correct the body."),
    "PropertyUnknown": Message(
        "The property %1 is not known to the resource.", "Warning", "Remove the property and resubmit."
    ),
    "PropertyNotWritable": Message(
        "The property %1 is read-only and cannot be given a value.", "Warning", "Remove the property and resubmit."
    ),
    "PropertyMissing": Message("The required property %1 is missing.", "Warning", "Add the property and resubmit."),
    "PropertyValueNotInList": Message(
        "The value %1 of the property %2 is not in the list of acceptable values.", "Warning", "Choose a listed value."
    ),
    "PropertyValueTypeError": Message(
        "The value %1 of the property %2 is of the wrong type.", "Warning", "Correct the value and resubmit."
    ),
    "PropertyValueFormatError": Message(
        "The value %1 of the property %2 is of a wrong format.", "Warning", "Correct the value and resubmit."
    ),
    "PropertyValueOutOfRange": Message(
        "The value %1 of the property %2 is out of range.", "Warning", "Correct the value and resubmit."
    ),
    "ActionParameterMissing": Message(
        "The action %1 needs the parameter %2.", "Critical", "Add the parameter and resubmit."
    ),
    "ActionParameterNotSupported": Message(
        "The parameter %1 of the action %2 is not supported.", "Warning", "Remove the parameter and resubmit."
    ),
    "ActionParameterValueNotInList": Message(
        "The value %1 of the parameter %2 of the action %3 is not in the list of acceptable values.",
        "Warning",
        "Choose a listed value.",
    ),
    "ActionParameterValueFormatError": Message(
        "The value %1 of the parameter %2 of the action %3 is of a wrong format.",
        "Warning",
        "Correct the value and resubmit.",
    ),
    "ActionParameterValueTypeError": Message(
        "The value %1 of the parameter %2 of the action %3 is of the wrong type.",
        "Warning",
        "Correct the value and resubmit.",
    ),
    "QueryNotSupported": Message("The query is not supported on this resource.", "Warning", "Remove the query."),
    "QueryParameterOutOfRange": Message(
        "The value %1 of the query parameter %2 is out of the range %3.", "Warning", "Reduce the value and resubmit."
    ),
    "PreconditionFailed": Message(
        "The entity tag in the request does not match the resource's.", "Critical", "Read the resource again."
    ),
    "PreconditionRequired": Message(
        "The request needs an If-Match header.", "Critical", "Read the entity tag and resubmit."
    ),
    "ServiceTemporarilyUnavailable": Message(
        "The service is temporarily unavailable. Retry in %1 seconds.", "Critical", "Wait, then retry."
    ),
    "InternalError": Message("The request failed because of an internal error.", "Critical", "Retry the request."),
    "SessionLimitExceeded": Message("The number of sessions is at its limit.", "Critical", "End another session."),
    "NoOperation": Message("The request holds nothing to be done.", "Warning", "Add what is to be changed."),
    "PasswordChangeRequired": Message(
        "The password of the account must be changed.", "Critical", "Change the password at %1."
    ),
}

IDRAC: dict[str, Message] = {
    # what is wrong with a request
    "SYS029": Message("The parameter %1 is not supported.", "Warning", "Remove the parameter."),
    "SYS400": Message("A precondition of the request is not met.", "Warning", "Meet the precondition."),
    "SYS401": Message("The media type %1 is not acceptable.", "Warning", "Use application/json."),
    "SYS402": Message("The HTTP method is not allowed on this URI.", "Informational", "Use an allowed method."),
    "SYS403": Message("The resource at %1 was not found.", "Critical", "Check the URI."),
    "SYS404": Message("The entity tag of the resource must be given in If-Match.", "Warning", "Send If-Match."),
    "SYS405": Message("The request body is not valid JSON.", "Warning", "Correct the body."),
    "SYS406": Message("System lockdown mode is enabled.", "Warning", "Disable lockdown mode and retry."),
    "SYS407": Message("The query parameter %1 is not supported.", "Warning", "Remove the query parameter."),
    "SYS408": Message("Only one task can be created at a time.", "Warning", _RETRY),
    "SYS409": Message("The attribute %1 cannot be set: unknown or read-only.", "Warning", "Check the name and retry."),
    "SYS410": Message("The attribute %1 depends on another attribute.", "Warning", "Set the other attribute as well."),
    "SYS413": Message("The operation successfully completed.", "Informational", _NONE),
    "SYS414": Message("A new resource is successfully created.", "Informational", _NONE),
    "SYS415": Message("The user name or the password is not accepted.", "Critical", "Give valid credentials."),
    "SYS416": Message("No credentials are given, or the session has ended.", "Critical", "Log in and retry."),
    "SYS417": Message("The query parameter %1 is out of range.", "Warning", "Give a value inside the range."),
    "SYS418": Message("Alerting is not enabled.", "Warning", "Enable alerts and retry."),
    "SYS419": Message("Redfish is disabled on this iDRAC.", "Warning", "Enable Redfish."),
    "SYS423": Message("There are no subscriptions.", "Warning", "Create a subscription."),
    "SYS424": Message("The value %1 of %2 is of the wrong type.", "Warning", "Give a value of the right type."),
    "SYS425": Message("The value of %1 is not valid.", "Warning", "Give a valid value."),
    "SYS426": Message(
        "The value %1 of %2 is not in the list of acceptable values.", "Warning", "Choose a listed value."
    ),
    "SYS427": Message("The property %1 is read-only.", "Warning", "Remove the property."),
    "SYS428": Message("The required property %1 is missing.", "Warning", "Add the property."),
    "SYS429": Message("The property %1 is not known.", "Warning", "Remove the property."),
    "SYS431": Message("An import or export operation is in progress.", "Warning", _RETRY),
    "SYS432": Message("The power cap is disabled.", "Warning", "Enable the power cap."),
    "SYS434": Message("The extension of the file %1 is not supported.", "Warning", "Give an .EXE, .d7, .d9 or .pm."),
    "SYS436": Message("The start time is not valid.", "Warning", "Give a valid start time."),
    "SYS437": Message("The end time is not valid.", "Warning", "Give a valid end time."),
    "SYS439": Message("The secure boot policy is not Custom.", "Warning", "Set the policy to Custom."),
    "SYS440": Message("The start time lies in the past.", "Warning", "Give a future start time."),
    "SYS446": Message("The password does not meet the password policy.", "Warning", "Give a stronger password."),
    "SYS451": Message("The account %1 cannot be changed this way.", "Warning", "Use another account."),
    "SYS518": Message("Data sources are unavailable.", "Critical", _RETRY),
    "SWC0700": Message("iDRAC is not ready. The configuration values cannot be accessed.", "Critical", _RETRY),
    "RAC964": Message("The operation failed because of an internal error; wait and retry.", "Critical", _RETRY),
    # profile export and import
    "SYS011": Message(
        "Pending configuration values are already committed, unable to perform another set operation.",
        "Warning",
        "Wait for the job to complete, or delete it.",
    ),
    "SYS043": Message("The server configuration profile is exported.", "Informational"),
    "SYS053": Message("The server configuration profile is imported.", "Informational"),
    "SYS055": Message("The server configuration profile is imported with errors.", "Warning", "See the job's results."),
    "SYS057": Message("Exporting the server configuration profile.", "Informational"),
    "SYS058": Message("Applying configuration changes.", "Informational"),
    "SYS069": Message("No changes were applied: the values are already set.", "Informational"),
    "SYS079": Message("Previewing the server configuration profile.", "Informational"),
    "SYS080": Message("The preview found no changes.", "Informational"),
    "SYS081": Message("The preview of the profile is complete.", "Informational"),
    "SYS082": Message("The preview found errors in the profile.", "Warning", "Correct the profile."),
    "SYS098": Message("A diagnostics job already exists.", "Warning", "Delete the job or wait."),
    "SYS099": Message("There are no diagnostics results to export.", "Warning", "Run diagnostics first."),
    "SYS018": Message("The job is running.", "Informational"),
    "SYS051": Message("The system could not be shut down gracefully in the given time.", "Warning", "Shut it down."),
    # jobs
    "JCP000": Message("The job was created.", "Informational"),
    "JCP001": Message("Task successfully scheduled.", "Informational"),
    "JCP007": Message("The job completed successfully.", "Informational"),
    "JCP008": Message("The job completed with errors.", "Warning", "See the configuration results."),
    "JCP009": Message("The job failed.", "Critical", "See the configuration results."),
    "JCP019": Message("A server configuration profile job is running.", "Warning", _RETRY),
    "JCP022": Message("The job id %1 is not valid.", "Warning", "Give a valid job id."),
    "JCP023": Message("The job %1 is running and cannot be deleted.", "Warning", "Wait for the job."),
    "JCP027": Message("The job %1 was created.", "Informational"),
    "JCP033": Message("The reboot job was created.", "Informational"),
    "JCP037": Message("The configuration job %1 completed.", "Informational"),
    "PR19": Message("Job completed successfully.", "Informational"),
    "PR20": Message("Job in progress.", "Informational"),
    "PR21": Message("Job failed.", "Critical", "See the Lifecycle log."),
    "PR36": Message("The version of %1 changed from %2 to %3.", "OK"),
    "SUP020": Message("The job was deleted.", "Informational"),
    "SUP022": Message("The job store is full.", "Warning", "Delete finished jobs."),
    "SUP024": Message("The job %1 was not found.", "Warning", "Give a valid job id."),
    "SUP029": Message("No applicable updates were found.", "Informational"),
    "LC062": Message("An export or import operation is already running.", "Warning", _RETRY),
    "LC068": Message("Pending configuration changes exist.", "Warning", "Apply or clear them."),
    "RAC0679": Message("A job is already running.", "Warning", _RETRY),
    # firmware
    "RED001": Message("Job completed successfully.", "Informational"),
    "RED002": Message("Downloading the package.", "Informational"),
    "RED003": Message("The package is downloaded.", "Informational"),
    "RED006": Message("The package could not be downloaded.", "Critical", "Check the location."),
    "RED007": Message("The signature of the package could not be verified.", "Critical", "Use a genuine package."),
    "RED012": Message("The package does not fit this system.", "Critical", "Use a package for this system."),
    "RED014": Message("A job for this device already exists.", "Warning", "Wait, or delete the job."),
    "RED016": Message("The network share could not be mounted.", "Critical", "Check the share."),
    "RED023": Message("The Lifecycle Controller is in use.", "Warning", _RETRY),
    "RED027": Message("There is not enough space for the package.", "Critical", "Delete unneeded packages."),
    "RED029": Message("A reboot is pending to apply the update.", "Informational", "Restart the host."),
    "RED030": Message("The reboot is complete.", "Informational"),
    "RED050": Message("The credentials of the share are not accepted.", "Critical", "Check the credentials."),
    "RED097": Message("The component for this package is not present.", "Critical", "Use a fitting package."),
    # sessions and accounts
    "RAC0218": Message("The session limit has been reached.", "Informational", "Close a session and try again."),
    "RAC0506": Message("The user lacks the privilege for this operation.", "Warning", "Use another account."),
    "RAC0182": Message("The iDRAC firmware was rebooted: %1.", "OK"),
    "RAC0195": Message("The user name or the password is not accepted.", "Warning", "Give valid credentials."),
    "RAC0622": Message("The certificate file is not valid.", "Warning", "Give a valid certificate."),
    "RAC0720": Message("The setting is not valid.", "Warning", "Correct the setting."),
    "USR0030": Message("Successfully logged in using %1, from %2 and %3.", "OK"),
    "USR0031": Message("Unable to log in for %1 from %2 using %3.", "Warning", "Give valid credentials."),
    "USR0032": Message("The session for %1 from %2 using %3 is logged off.", "OK"),
    "USR0034": Message(
        "Login attempt alert for %1 from %2 using %3; the address is blocked for %4 seconds.", "Warning"
    ),
    "USR0005": Message("User %1 was created.", "OK"),
    "USR0007": Message("User %1 was changed.", "OK"),
    "USR0006": Message("User %1 was deleted.", "OK"),
    "LIC501": Message("A license for this feature is missing.", "Warning", "Install the license."),
    # host and hardware events
    "PSU501": Message("Server is already powered %1.", "Informational"),
    "SYS1000": Message("System is turning on.", "OK"),
    "SYS1001": Message("System is turning off.", "OK"),
    "SYS1002": Message("System is performing a power cycle.", "OK"),
    "SYS1003": Message("System CPU Resetting.", "OK"),
    "SYS1005": Message("A non-maskable interrupt was sent to the host.", "OK"),
    "SYS198": Message("The system inventory was collected.", "OK"),
    "PSU0001": Message("Power supply %1 failed.", "Critical", "Replace the power supply."),
    "PSU0003": Message("The power input for power supply %1 is lost.", "Critical", "Check the power cord."),
    "PSU0800": Message("Power supply %1 is operating normally.", "OK"),
    "RDU0012": Message("Power supply redundancy is lost.", "Critical", "See the power supplies."),
    "RDU0011": Message("The power supplies are redundant.", "OK"),
    "FAN0001": Message("Fan %1 is below the lower critical threshold.", "Critical", "Replace the fan."),
    "FAN0000": Message("Fan %1 is below the lower warning threshold.", "Warning", "Check the fan."),
    "TMP0118": Message("The system inlet temperature is above the upper warning threshold.", "Warning", "Cool it."),
    "TMP0120": Message("The system inlet temperature is within range.", "OK"),
    "MEM0701": Message("Correctable memory error rate exceeded for %1.", "Warning", "Watch the memory module."),
    "MEM0001": Message("Multi-bit memory errors detected on a device at %1.", "Critical", "Replace the module."),
    "PDR16": Message("Predictive failure reported for %1.", "Warning", "Replace the disk."),
    "PDR1": Message("%1 failed.", "Critical", "Replace the disk."),
    "PDR8": Message("%1 is inserted.", "OK"),
    "VDR4": Message("%1 was created.", "OK"),
    "VDR7": Message("%1 was deleted.", "OK"),
    "VDR8": Message("%1 is degraded.", "Warning", "Replace the failed disk."),
    "CPU0000": Message("Processor %1 has an internal error.", "Critical", "Review the logs."),
    "CPU0002": Message("Processor %1 is overheating.", "Critical", "Check the cooling."),
    "NIC100": Message("The %1 network link is down.", "Warning", "Check the cable."),
    "NIC101": Message("The %1 network link is started.", "OK"),
    "SEC0031": Message("The chassis was opened while the power was off.", "Critical", "Check the chassis."),
    "SEC0033": Message("The chassis was closed while the power was off.", "OK"),
    "LOG007": Message("The previous log entry was repeated %1 times.", "OK"),
    "LOG203": Message("%1", "OK"),
    "LOG006": Message("The %1 log was cleared.", "OK"),
    # lockdown, media, storage, licences, events
    "RAC1195": Message("User %1 created the job %2.", "OK"),
    "RAC0721": Message("The system lockdown mode was changed to %1.", "OK"),
    "VRM0012": Message("The virtual media is already connected.", "Warning", "Eject the media first."),
    "VRM0009": Message("No virtual media is connected.", "Warning", "Insert media first."),
    "VRM0021": Message("The virtual media could not be mounted from %1.", "Critical", "Check the image."),
    "STOR018": Message("No foreign configuration was found.", "Warning"),
    "STOR026": Message("The operation is not possible on %1 in its present state.", "Warning", "Check the state."),
    "STOR006": Message("The drive %1 is part of a volume.", "Warning", "Delete the volume first."),
    "STOR016": Message("The drive %1 does not support the erase operation.", "Warning"),
    "STOR034": Message("The RAID level %1 does not fit the number of drives.", "Warning", "Choose other drives."),
    "LIC212": Message("The license file is not valid.", "Warning", "Give a valid license file."),
    "SUB001": Message("The number of subscriptions is at its limit.", "Warning", "Delete a subscription."),
    "TST100": Message("Test event.", "OK"),
    "SRV102": Message("The SupportAssist collection is complete.", "Informational"),
    "SRV085": Message("The SupportAssist end user licence agreement is not accepted.", "Warning", "Accept it."),
    "SRV074": Message("The SupportAssist end user licence agreement is accepted.", "Informational"),
    "SYS141": Message("The attribute %1 was changed from %2 to %3.", "OK"),
    "SYS142": Message("The certificate of the web server was replaced.", "OK"),
}


def lookup(message_id: str) -> tuple[bool, Message]:
    """Whether an id belongs to the Base registry, and its entry; KeyError when neither registry has it."""
    if message_id in BASE:
        return True, BASE[message_id]
    return False, IDRAC[message_id]


def fill(text: str, args: tuple[str, ...]) -> str:
    """The text with `%1` … `%9` replaced by the arguments."""
    for number, arg in enumerate(args, start=1):
        text = text.replace(f"%{number}", arg)
    return text
