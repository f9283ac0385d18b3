using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Report;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Looks for mistakes of programs in what happens in a machine, from its making to its disposal, and reports them.
/// </summary>
internal sealed class Checker : MachineObserver, IDisposable
{
    // Guards what the checks know, and what they found until it is handed over. Innermost.
    private readonly RankedLock _lock = new(LockRank.Checker);
    private List<Finding>? _found;

    private readonly Observers _observers;
    private readonly FindingLog _log;
    private readonly MachineObserver[] _parts;
    private readonly StaleCheck _stale;
    private readonly InFlightCheck _inFlight;

    /// <summary>Begins to check.</summary>
    /// <param name="observers">The machine's observers.</param>
    /// <param name="nameOf">What the machine calls a device.</param>
    /// <param name="options">What is looked for, and what becomes of findings.</param>
    /// <param name="suppressions">Findings that are not reported.</param>
    /// <param name="open">Opens the file for the reports, when there is something to report. It is closed at the
    /// end.</param>
    /// <param name="halt">Ends the program, where the options want that.</param>
    /// <exception cref="IOException">The host has no thread to give.</exception>
    public Checker(Observers observers, Func<Endpoint, string> nameOf, CheckOptions options,
        Suppressions suppressions, Func<TextWriter> open, Action? halt = null)
    {
        ArgumentNullException.ThrowIfNull(observers);
        ArgumentNullException.ThrowIfNull(options);
        _observers = observers;
        _log = new FindingLog(options, suppressions, open, halt);
        var sites = new CallSites();
        var machine = new SeenMachine(sites, nameOf);
        Action<Finding> report = finding =>
        {
            if (options.Has(finding.Kind)) (_found ??= []).Add(finding);
        };
        // First what is known is brought up to date; a check sees it as it is after the event.
        var refused = new RefusedMaps();
        _stale = new StaleCheck(machine, report);
        _inFlight = new InFlightCheck(machine, report);
        _parts =
        [
            sites, machine, refused, new FaultCheck(machine, refused, report), _inFlight, _stale,
            new PageRequestCheck(machine, report),
            .. Wanted(options, () => new MappingCheck(machine, options, report), CheckKind.UnusedMapping,
                CheckKind.SharedWritable),
            .. Wanted(options, () => new BufferCheck(machine, report), CheckKind.StoreInFlight),
            .. Wanted(options, () => new LeakCheck(machine, report), CheckKind.Leak),
            .. Wanted(options, () => new LintCheck(machine, options, report), CheckKind.ShortArgsz,
                CheckKind.GroupStatus, CheckKind.NewerUapi),
            .. Wanted(options, () => new MessageCheck(machine, report), CheckKind.MsiWithoutEventfd),
        ];
        Kinds = EventKinds.All | EventKinds.StaleTranslation
            | (options.Has(CheckKind.UnusedMapping) || options.Has(CheckKind.StoreInFlight)
                ? EventKinds.Dma
                : EventKinds.None)
            | (options.Has(CheckKind.StoreInFlight) ? EventKinds.Progress : EventKinds.None);
        observers.Add(this);
    }

    /// <inheritdoc/>
    public override EventKinds Kinds { get; }

    /// <summary>How many findings were reported so far. Complete after <see cref="Dispose"/>.</summary>
    public int Found => _log.Count;

    /// <summary>Knows where in the program calls were made; null while nobody does.</summary>
    public ICallStacks? Stacks
    {
        get => _log.Stacks;
        set => _log.Stacks = value;
    }

    /// <summary>Takes each finding that is reported or counted, on one thread of ours; null for nobody.</summary>
    public Action<ReportedFinding>? Told
    {
        get => _log.Told;
        set => _log.Told = value;
    }

    /// <summary>Reports what is left, and ends.</summary>
    public void Dispose()
    {
        if (_observers.Remove(this))
        {
            Act(() =>
            {
                _stale.End(null);
                _inFlight.End();
            });
        }

        _log.Dispose();
    }

    /// <inheritdoc/>
    public override void OnMap(in MapEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnUnmap(in UnmapEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnAttach(in AttachEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnDetach(in DetachEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnInvalidate(in InvalidateEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnPageRequest(in PageRequestEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnPageResponse(in PageResponseEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnInject(in InjectEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnStrayResponse(in StrayResponseEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnDma(in DmaEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnProgress(in ProgressEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnStaleTranslation(in StaleTranslationEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnFault(in FaultEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnReset(in ResetEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnDoorbell(in DoorbellEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnBind(in BindEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnUnbind(in UnbindEvent e) => Tell(in e);

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e) => Tell(in e);

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        Tell(in e);
        _log.Answered();
    }

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e) => Tell(in e);

    private static MachineObserver[] Wanted(
        CheckOptions options, Func<MachineObserver> make, params ReadOnlySpan<CheckKind> kinds)
    {
        foreach (CheckKind kind in kinds)
            if (options.Has(kind)) return [make()];
        return [];
    }

    private void Tell<TEvent>(in TEvent e) where TEvent : struct, IMachineEvent
    {
        List<Finding>? found;
        using (_lock.Enter())
        {
            foreach (MachineObserver part in _parts) e.Tell(part);
            (found, _found) = (_found, null);
        }

        Report(found);
    }

    private void Act(Action act)
    {
        List<Finding>? found;
        using (_lock.Enter())
        {
            act();
            (found, _found) = (_found, null);
        }

        Report(found);
    }

    private void Report(List<Finding>? found)
    {
        if (found is null) return;
        foreach (Finding finding in found) _log.Add(finding);
    }
}
