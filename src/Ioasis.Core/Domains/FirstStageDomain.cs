using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Core.Walks;

namespace Ioasis.Core.Domains;

/// <summary>
/// A nested domain whose first stage is walked by us. The unit's kind says how, and keeps what hardware would keep:
/// translations and entries of tables live until they are invalidated, however stale they have become by then.
/// </summary>
internal abstract class FirstStageDomain : NestedDomain
{
    /// <summary>Nests a first stage on a second.</summary>
    protected FirstStageDomain(PagingDomain parent, Viommu? viommu) : base(parent, viommu) =>
        Route = new TranslationRoute(this, parent.Route!);

    /// <summary>Whether translations may be kept at all; if not, ports keep none either.</summary>
    internal abstract bool KeepsTranslations { get; }

    /// <summary>
    /// Translates an address by the first stage: from what is kept, else by a walk, which is then kept. Within an
    /// access of a port, so that whoever invalidates waits for it.
    /// </summary>
    /// <param name="iova">The address.</param>
    /// <param name="access">What for.</param>
    /// <param name="known">What the port knows of the table that the address is translated by, or nothing; what it
    /// knows then.</param>
    internal abstract FirstStageResult Translate(ulong iova, MapAccess access, ref KnownTable known);

    /// <summary>The same for who knows no tables.</summary>
    internal FirstStageResult Translate(ulong iova, MapAccess access)
    {
        KnownTable none = default;
        return Translate(iova, access, ref none);
    }

    /// <summary>The same for showing: what is kept and what the tables say now, without a trace.</summary>
    internal abstract FirstStageResult Show(TranslationWalk walk, ulong iova, MapAccess access);

    /// <summary>The unit's number for a fault of the second stage at a page that the first stage leads to.</summary>
    internal abstract byte FaultCode(Faults.FaultReason reason, bool isWrite);

    /// <summary>Forgets everything, as when it is no longer attached somewhere.</summary>
    internal abstract void DropAll();

    /// <summary>
    /// To be called when what is kept was dropped, and nothing found out before comes back: when this returns, no
    /// access uses it, one in flight included.
    /// </summary>
    protected void Flush() => Mappings.Flush();

    /// <summary>Drops what devices keep of a range by themselves, after what they would get it anew from.</summary>
    protected void DropFromDevices(ulong first, ulong last) => Mappings.DropFromDevices(Route!, first, last);
}
