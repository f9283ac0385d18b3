using Ioasis.Core.Dma;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Units;
using Ioasis.Core.Walks;
using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>
/// A nested domain whose first stage translates DMA. The kind of unit says how it is walked, and keeps what hardware
/// would keep: translations and entries of tables live until they are invalidated, however stale they have become.
/// </summary>
public abstract class FirstStageDomain : NestedDomain
{
    /// <summary>Nests a first stage on a second.</summary>
    /// <param name="parent">The second stage.</param>
    /// <param name="viommu">The vIOMMU that it belongs to; null for none.</param>
    /// <param name="leafTableShift">See <see cref="LeafTableShift"/>.</param>
    protected FirstStageDomain(PagingDomain parent, Viommu? viommu, int leafTableShift = 0) : base(parent, viommu)
    {
        Route = new TranslationRoute(this, parent.Route!);
        LeafTableShift = leafTableShift;
    }

    /// <summary>
    /// Log2 of the bytes that a table of the last level translates. Ports remember such tables
    /// (<see cref="KnownTable"/>) where this is <see cref="KnownTable.RegionShift"/>, and none otherwise.
    /// </summary>
    public int LeafTableShift { get; }

    /// <summary>Whether translations may be kept at all; if not, ports keep none either.</summary>
    public bool KeepsTranslations { get; protected init; } = true;

    /// <summary>
    /// Translates an address: from what is kept, else by a walk, whose result is then kept. Called within an access of
    /// a port: whoever invalidates waits for it, so it must take no lock that is held around <see cref="Flush"/>.
    /// </summary>
    /// <param name="endpoint">Whose request it is.</param>
    /// <param name="request">What is to be translated.</param>
    /// <param name="known">
    /// What the port remembers of the table that translates the address: to be used, and to be filled in. Empty, and
    /// forgotten afterwards, where ports remember none.
    /// </param>
    public abstract FirstStageResult Translate(Endpoint endpoint, TranslationRequest request, ref KnownTable known);

    /// <summary>
    /// Translates as <see cref="Translate(Endpoint, TranslationRequest, ref KnownTable)"/> would, for somebody who
    /// looks: each step is added to the walk, and nothing is kept or written.
    /// </summary>
    /// <returns>The page, or a fault that is also the walk's last step.</returns>
    public abstract FirstStageResult Show(TranslationWalk walk, Endpoint endpoint, TranslationRequest request);

    /// <summary>
    /// Whether the tables lead an address elsewhere than a translation that an access is about to use: one that is kept
    /// and was not invalidated. Called within the access. It keeps and writes nothing. A domain that keeps nothing has
    /// no such translations.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="used">Its translation.</param>
    public virtual bool HasChanged(TranslationRequest request, in FirstStageResult used) => false;

    /// <summary>
    /// The unit's terms for a fault behind this stage: the second stage refuses the page, or the address is too wide.
    /// </summary>
    public abstract FaultSyndrome SyndromeOf(FaultReason reason, bool isWrite);

    /// <summary>
    /// A device or one of its PASIDs is no longer attached: no access of that attachment uses the domain, and ports
    /// keep nothing of it. Called with the endpoint's lock held.
    /// </summary>
    /// <param name="endpoint">The device.</param>
    /// <param name="pasid">Which PASID; null for its requests without one.</param>
    public virtual void OnDetached(Endpoint endpoint, Pasid? pasid)
    {
    }

    /// <summary>Translates for those that remember no tables.</summary>
    internal FirstStageResult Translate(Endpoint endpoint, TranslationRequest request)
    {
        KnownTable none = default;
        return Translate(endpoint, request, ref none);
    }

    /// <summary>
    /// To be called after what is kept was dropped, when nothing that was found out before can come back: when this
    /// returns, no access uses it, one in flight included.
    /// </summary>
    protected void Flush() => Mappings.Flush();

    /// <summary>
    /// Drops what devices keep of a range by themselves (ATS). To be called after what they would get it anew from was
    /// dropped.
    /// </summary>
    protected void DropFromDevices(ulong first, ulong last) => Mappings.DropFromDevices(Route!, first, last);
}
