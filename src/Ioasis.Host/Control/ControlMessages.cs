using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Diagnostics.Trace;

namespace Ioasis.Host.Control;

/// <summary>A question to a running program's supervisor: one line of JSON. One line answers it.</summary>
/// <param name="Verb"><c>walk</c>, <c>faults</c>, <c>findings</c>, <c>state</c>, <c>maps</c>, <c>dirty</c>,
/// <c>version</c>, or <c>subscribe</c>, which many lines answer.</param>
/// <param name="Device">For a walk: the device's address, such as <c>0000:00:04.0</c>, or an mdev's UUID.</param>
/// <param name="Pasid">For a walk: the PASID; null for none.</param>
/// <param name="Address">For a walk: the address.</param>
/// <param name="Write">For a walk: whether the access is a write.</param>
/// <param name="Kinds">For a subscription: names of kinds of event, with commas between them; null for all;
/// <c>faults</c> for those that units keep and those that come, <c>findings</c> for those of checks, <c>changes</c> for
/// sums of all.</param>
/// <param name="Trace">For a subscription to the lines of a trace: what it has, and how it looks.</param>
/// <param name="Context">For maps and dirty pages: the context.</param>
/// <param name="Object">For maps the ID of the IOAS; for dirty pages that of the HWPT.</param>
/// <param name="First">For maps and dirty pages: the first address.</param>
/// <param name="Last">For maps and dirty pages: the last address.</param>
/// <param name="Most">For maps and dirty pages: how many runs there is room for.</param>
internal sealed record ControlRequest(string Verb, string? Device = null, uint? Pasid = null, ulong Address = 0,
    bool Write = false, string? Kinds = null, TraceOptions? Trace = null, int Context = 0, uint Object = 0,
    ulong First = 0, ulong Last = ulong.MaxValue, int Most = 1000);

/// <summary>Which program runs, under which supervisor.</summary>
/// <param name="Version">The supervisor's version.</param>
/// <param name="Program">The program's process ID.</param>
/// <param name="Supervisor">The supervisor's process ID.</param>
/// <param name="Started">When the program was started.</param>
/// <param name="Command">The program and its arguments.</param>
internal sealed record ProgramVersion(
    string Version, int Program, int Supervisor, DateTimeOffset Started, IReadOnlyList<string> Command);

/// <summary>An answer.</summary>
/// <param name="Error">What was wrong with the question; null if nothing.</param>
/// <param name="Steps">For a walk: its steps.</param>
/// <param name="Reason">For a walk: why it ends without memory.</param>
/// <param name="Faults">The newest faults of each unit, oldest first.</param>
/// <param name="Findings">The newest findings of checks, oldest first; null if the program is not checked.</param>
internal sealed record ControlAnswer(string? Error = null, IReadOnlyList<WalkStep>? Steps = null,
    FaultReason Reason = FaultReason.None, IReadOnlyList<ControlFault>? Faults = null,
    IReadOnlyList<ControlFinding>? Findings = null);

/// <summary>A fault, as the answer shows it.</summary>
internal sealed record ControlFault(string Unit, long Sequence, string Device, uint? Pasid, ulong Address, bool IsWrite,
    FaultReason Reason, ushort Code);
