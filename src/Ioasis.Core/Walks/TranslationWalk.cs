using System.Globalization;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Memory;

namespace Ioasis.Core.Walks;

/// <summary>
/// How an address of a device is translated at this moment, step by step. Looking changes nothing: no cache learns of
/// it, no entry of a guest's gets a bit, no device is waited for.
/// </summary>
public sealed class TranslationWalk
{
    private const string NothingMapped = "nothing is mapped there";

    private readonly List<WalkStep> _steps = [];
    private FaultSyndrome? _syndrome;

    private TranslationWalk()
    {
    }

    /// <summary>The steps, in their order.</summary>
    public IReadOnlyList<WalkStep> Steps => _steps;

    /// <summary>Why it ends without memory; <see cref="FaultReason.None"/> when it does not.</summary>
    public FaultReason Reason { get; private set; }

    /// <summary>Walks.</summary>
    /// <param name="device">Whose request it would be.</param>
    /// <param name="pasid">With which PASID; null for none.</param>
    /// <param name="address">Which address.</param>
    /// <param name="write">Whether to write, rather than to read.</param>
    public static TranslationWalk Of(Endpoint device, Pasid? pasid, Iova address, bool write)
    {
        ArgumentNullException.ThrowIfNull(device);
        string who = pasid is { } p ? $"PASID {p.Value}" : "requests without PASID";
        return Of(device, device.HandlerOf(pasid)?.Domain, pasid, who, device.Block, address, write);
    }

    /// <summary>Walks for a part of a function.</summary>
    /// <param name="part">Whose request it would be.</param>
    /// <param name="number">
    /// Which PASID, as the part's program knows it; null for requests that name none, whose PASID nobody is told.
    /// </param>
    /// <param name="address">Which address.</param>
    /// <param name="write">Whether to write, rather than to read.</param>
    public static TranslationWalk Of(EndpointPart part, Pasid? number, Iova address, bool write)
    {
        ArgumentNullException.ThrowIfNull(part);
        IommuDomain? domain = number is { } given ? part.AttachedTo(given) : part.Parent.HandlerOf(part.Pasid)?.Domain;
        string who = number is { } p ? $"PASID {p.Value} of the mdev" : "requests of the mdev";
        SendBlock? stopped = part.Block ?? part.Parent.Block;
        return Of(part.Parent, domain, part.Carried(number), who, stopped, address, write);
    }

    /// <summary>Walks for a device without an IOMMU, which reaches an IOAS as software does.</summary>
    /// <param name="isAttached">Whether it is attached to one.</param>
    /// <param name="mapping">What is mapped there; null for nothing.</param>
    /// <param name="address">Which address.</param>
    /// <param name="write">Whether to write, rather than to read.</param>
    internal static TranslationWalk Of(bool isAttached, MappingView? mapping, Iova address, bool write)
    {
        var walk = new TranslationWalk();
        if (isAttached)
        {
            walk.Add(WalkStage.Attachment, 0, address.Value, null, "accesses of the mdev: attached to an IOAS");
            if (mapping is { } view) walk.Check(WalkStage.Second, view, address.Value, Wanted(write));
            else walk.Fault(WalkStage.Second, address.Value, NothingMapped, FaultReason.NotMapped);
        }
        else
        {
            walk.Fault(WalkStage.Attachment, address.Value, "accesses of the mdev: attached to nothing",
                FaultReason.NotAttached);
        }

        return walk;
    }

    /// <summary>Walks for a device without an IOMMU that no program has bound.</summary>
    public static TranslationWalk OfNothing(Iova address, bool write) => Of(false, null, address, write);

    private static TranslationWalk Of(
        Endpoint device, IommuDomain? domain, Pasid? pasid, string who, SendBlock? stopped, Iova address, bool write)
    {
        var walk = new TranslationWalk();
        if (stopped is { } block) walk.Fault(WalkStage.Attachment, address.Value, block.Says, block.Reason);
        else if (domain?.Route is not { } route)
            walk.Fault(WalkStage.Attachment, address.Value, $"{who}: attached to nothing", FaultReason.NotAttached);
        else walk.Through(device, pasid, domain, route, who, address.Value, Wanted(write));
        if (walk.Reason != FaultReason.None) walk.Explain(device.Unit, domain, write);
        return walk;
    }

    /// <summary>Adds to the last step what the unit's specification says of it.</summary>
    private void Explain(IommuUnit unit, IommuDomain? domain, bool write)
    {
        WalkStep last = _steps[^1];
        FaultSyndrome syndrome = _syndrome ?? (domain is FirstStageDomain firstStage && last.Stage == WalkStage.Second
            ? firstStage.SyndromeOf(Reason, write)
            : unit.SyndromeOf(Reason, write));
        if (syndrome.Code != 0) _steps[^1] = last with { Code = syndrome.Code, Rule = unit.RuleOf(syndrome.Code) };
    }

    /// <summary>Adds a step that leads on.</summary>
    /// <param name="stage">Who takes it.</param>
    /// <param name="level">The level of the table entry, from 1; 0 where there is none.</param>
    /// <param name="address">The address that is looked up: of the entry, or the one to be translated.</param>
    /// <param name="entry">The entry; null where there is none.</param>
    /// <param name="says">What comes of it.</param>
    /// <param name="isKept">Whether a cache of the unit says so, rather than memory as it is now.</param>
    public void Add(WalkStage stage, int level, ulong address, ulong? entry, string says, bool isKept = false) =>
        _steps.Add(new WalkStep(stage, level, address, entry, says, isKept, false));

    /// <summary>Adds a step that leads on, with all that is known of it.</summary>
    public void Add(WalkStep step) => _steps.Add(step);

    /// <summary>Adds the last step of a walk that ends without memory.</summary>
    /// <param name="stage">Who takes it.</param>
    /// <param name="address">The address that is looked up.</param>
    /// <param name="says">What comes of it.</param>
    /// <param name="reason">Why it ends.</param>
    /// <param name="level">The level of the table entry, from 1; 0 where there is none.</param>
    /// <param name="entry">The entry; null where there is none.</param>
    public void Fault(WalkStage stage, ulong address, string says, FaultReason reason, int level = 0,
        ulong? entry = null)
    {
        _steps.Add(new WalkStep(stage, level, address, entry, says, false, true));
        Reason = reason;
    }

    private void Through(Endpoint device, Pasid? pasid, IommuDomain domain, TranslationRoute route, string who,
        ulong address, MapAccess access)
    {
        string kind = domain switch
        {
            FirstStageDomain => "a nested HWPT: the user's first stage, then an IOAS",
            ProcessDomain => "a process's own address space",
            IdentityDomain => "the host's memory itself",
            _ when domain == device.Group.DefaultDomain => "the default domain of its group",
            _ => "a HWPT of an IOAS",
        };
        Add(WalkStage.Attachment, 0, address, null, $"{who}: attached to {kind}");
        if (address > route.LastAddress)
        {
            Fault(WalkStage.Attachment, address, string.Create(CultureInfo.InvariantCulture,
                    $"beyond 0x{route.LastAddress:x}, the last address"), FaultReason.BeyondAddressWidth);
            return;
        }

        if (domain is FirstStageDomain firstStage)
        {
            FirstStageResult page = firstStage.Show(
                this, device, new TranslationRequest(new Iova(address), access, pasid));
            if (!page.IsOk)
            {
                (Reason, _syndrome) = (page.Reason, page.Syndrome);
                return;
            }

            address = page.Address;
        }

        Last(domain, address, access);
    }

    private void Last(IommuDomain domain, ulong address, MapAccess access)
    {
        WalkStage stage = domain is ProcessDomain ? WalkStage.Process : WalkStage.Second;
        if (!domain.Mappings.Show(address, out MappingView view, out MemoryLocation? location))
        {
            Fault(stage, address, NothingMapped, FaultReason.NotMapped);
            return;
        }

        if (!Check(stage, view, address, access)) return;
        if (location is null)
            Fault(stage, address, "there is no memory there now",
            domain is ProcessDomain ? FaultReason.NotMapped : FaultReason.MemoryGone);
    }

    /// <summary>Whether a mapping permits an access.</summary>
    private bool Check(WalkStage stage, MappingView view, ulong address, MapAccess access)
    {
        string range = string.Create(
            CultureInfo.InvariantCulture, $"mapping 0x{view.First:x}-0x{view.Last:x}, {Name(view.Access)}");
        bool isPermitted = (view.Access & access) != 0;
        if (!isPermitted) Fault(stage, address, $"{range}: not for that", FaultReason.NoPermission);
        else
            Add(stage, 0, address, null,
                stage == WalkStage.Process ? "the process's page, as it is at the access" : range);
        return isPermitted;
    }

    private static MapAccess Wanted(bool write) => write ? MapAccess.Write : MapAccess.Read;

    /// <summary>The words for what devices may do.</summary>
    internal static string Name(MapAccess access) => access switch
    {
        MapAccess.Read => "read",
        MapAccess.Write => "write",
        MapAccess.ReadWrite => "read and write",
        _ => "no access",
    };
}
