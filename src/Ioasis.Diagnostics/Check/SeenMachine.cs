using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// What the checks know of a machine: its mappings with the calls that made them, what devices are and were attached
/// to, and their last doorbells. The checker's lock guards it.
/// </summary>
/// <param name="sites">The calls.</param>
/// <param name="nameOf">What the machine calls a device.</param>
internal sealed class SeenMachine(CallSites sites, Func<Endpoint, string> nameOf) : MachineObserver
{
    // What is weak here goes when the machine forgets it.
    private readonly ConditionalWeakTable<object, SpaceHistory> _spaces = [];
    private readonly ConditionalWeakTable<Endpoint, SeenDevice> _devices = [];
    private readonly ConditionalWeakTable<object, StrongBox<int>> _processes = [];
    private int _firstProcess;

    /// <summary>The mappings of an I/O address space.</summary>
    internal SpaceHistory SpaceOf(object space) => _spaces.GetOrCreateValue(space);

    /// <summary>The I/O address spaces that have, or had, mappings.</summary>
    internal IEnumerable<KeyValuePair<object, SpaceHistory>> Spaces => _spaces;

    /// <summary>The devices that are known.</summary>
    internal IEnumerable<SeenDevice> Devices => _devices.Select(d => d.Value);

    /// <summary>A device.</summary>
    internal SeenDevice DeviceOf(Endpoint endpoint) =>
        _devices.GetValue(endpoint, e => new SeenDevice(e, nameOf(e)) { Process = _firstProcess });

    /// <summary>The call in which an event happened.</summary>
    internal CallSite? SiteOf(EventStamp stamp) => sites.Of(stamp);

    /// <summary>
    /// The process that opened a file, or the file with the objects of a context; the first of all if it is not known.
    /// </summary>
    internal int ProcessOf(object file) =>
        _processes.TryGetValue(file, out StrongBox<int>? process) ? process.Value : _firstProcess;

    /// <inheritdoc/>
    public override void OnMap(in MapEvent e) => SpaceOf(e.Space).Add(
        new KnownMap(e.Range, e.Access, e.Memory.Address, e.Memory.IsFile, sites.Of(e.Stamp))
        {
            Source = new WeakReference(e.Memory.Source),
        });

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e) =>
        SpaceOf(e.Space).Remove(e.Range, sites.Of(e.Stamp), e.Stamp.Timestamp);

    /// <inheritdoc/>
    public override void OnAttach(in AttachEvent e) => DeviceOf(e.Endpoint).Attach(
        e.Pasid, e.Domain, e.Owner is IommuGroup, e.Former is null ? null : NameOf(e.Former), sites.Of(e.Stamp));

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e) =>
        DeviceOf(e.Endpoint).Detach(e.Pasid, NameOf(e.Domain), e.Owner is IommuGroup, sites.Of(e.Stamp));

    /// <inheritdoc/>
    public override void OnDoorbell(in DoorbellEvent e) => DeviceOf(e.Endpoint).LastDoorbell = (e, sites.Of(e.Stamp));

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e)
    {
        if (_firstProcess == 0) _firstProcess = e.Process;
        _processes.AddOrUpdate(e.File, new StrongBox<int>(e.Process));
        if (e.File is IommufdContext context) _processes.AddOrUpdate(context.Objects, new StrongBox<int>(e.Process));
    }

    /// <inheritdoc/>
    public override void OnBind(in BindEvent e)
    {
        if (e.Endpoint is not { } endpoint) return;
        SeenDevice device = DeviceOf(endpoint);
        device.Process = ProcessOf(e.Context);
        device.BoundBy = e.Stamp.Call;
    }

    /// <summary>A file that a program bound a device by is known after the call.</summary>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result < 0 || call.CommandName != "VFIO_DEVICE_BIND_IOMMUFD") return;
        foreach (SeenDevice device in Devices)
            if (device.BoundBy == call.Number) device.File = new WeakReference(call.File);
    }

    /// <summary>A domain by the IDs that programs know.</summary>
    internal static string NameOf(IommuDomain domain) => domain.Holder switch
    {
        HwptPaging paging => Text($"HWPT {paging.Id} of IOAS {paging.Ioas.Id}"),
        HwptNested nested =>
            Text($"HWPT {nested.Id} nested on HWPT {nested.Parent.Id} of IOAS {nested.Parent.Ioas.Id}"),
        IommufdHwpt other => Text($"HWPT {other.Id}"),
        _ => domain switch
        {
            ProcessDomain => "the address space of a process",
            IdentityDomain => "the identity domain",
            BlockingDomain => "the blocking domain",
            _ => "a driver's domain",
        },
    };

    /// <summary>Milliseconds, as text.</summary>
    internal static string Milliseconds(long from, long to) =>
        Text($"{Stopwatch.GetElapsedTime(from, to).TotalMilliseconds:f1} ms");

    /// <summary>Text with numbers as all countries read them.</summary>
    internal static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What the checks know of a device.</summary>
/// <param name="endpoint">The device.</param>
/// <param name="name">What the machine calls it.</param>
internal sealed class SeenDevice(Endpoint endpoint, string name)
{
    private readonly Dictionary<uint, SeenAttachment> _attached = [];
    private readonly Dictionary<uint, SeenAttachment> _ended = [];

    internal Endpoint Endpoint => endpoint;

    internal string Name => name;

    /// <summary>The process that has it.</summary>
    internal int Process { get; set; }

    /// <summary>The number of the call that bound it; 0 if unknown.</summary>
    internal long BoundBy { get; set; }

    /// <summary>The open file that it was bound by; null if unknown.</summary>
    internal WeakReference? File { get; set; }

    /// <summary>The last doorbell, and the call that rang it; no call for a store to a mapped BAR.</summary>
    internal (DoorbellEvent Event, CallSite? Call)? LastDoorbell { get; set; }

    /// <summary>What a PASID, or requests without one (null), are attached to; null for nothing.</summary>
    internal SeenAttachment? AttachedTo(Pasid? pasid) => _attached.GetValueOrDefault(KeyOf(pasid));

    /// <summary>What they were attached to before by the program; null for nothing.</summary>
    internal SeenAttachment? WasAttachedTo(Pasid? pasid) => _ended.GetValueOrDefault(KeyOf(pasid));

    internal void Attach(Pasid? pasid, IommuDomain domain, bool isDefault, string? former, CallSite? call)
    {
        if (_attached.TryGetValue(KeyOf(pasid), out SeenAttachment? last) && !last.IsDefault && former is not null)
            _ended[KeyOf(pasid)] = last with { Domain = null, EndedBy = call };
        _attached[KeyOf(pasid)] = new SeenAttachment(
            domain, isDefault ? "the default domain" : SeenMachine.NameOf(domain), isDefault, call);
    }

    internal void Detach(Pasid? pasid, string domain, bool isDefault, CallSite? call)
    {
        CallSite? attached = _attached.Remove(KeyOf(pasid), out SeenAttachment? last) ? last.Attached : null;
        if (!isDefault) _ended[KeyOf(pasid)] = new SeenAttachment(null, domain, false, attached) { EndedBy = call };
    }

    private static uint KeyOf(Pasid? pasid) => pasid is { } given ? given.Value + 1 : 0;
}

/// <summary>What requests are, or were, attached to.</summary>
/// <param name="Domain">The domain; null when they are no longer attached.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsDefault">Whether it is the default domain of the group.</param>
/// <param name="Attached">The call that attached them.</param>
internal sealed record SeenAttachment(IommuDomain? Domain, string Name, bool IsDefault, CallSite? Attached)
{
    /// <summary>The call that ended it.</summary>
    internal CallSite? EndedBy { get; init; }
}
