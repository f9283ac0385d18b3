using Ioasis.Abi;
using Ioasis.Core.Injection;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Injection;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.FailNth;

/// <summary>Fails one call of a program, and sees what the program makes of it.</summary>
internal sealed class FailNthWatch : MachineObserver
{
    private const int AtATime = 500;

    private readonly NthCall _injector;

    // Guards what follows. Innermost.
    private readonly RankedLock _lock = new(LockRank.FailNth);
    private readonly Dictionary<string, int> _left = [];
    private string? _failed, _failedOpen;
    private NodeCall? _failedCall;
    private bool _isRepeated;

    /// <summary>Chooses the call.</summary>
    /// <param name="number">Its number among those that can fail, from 1; 0 for none.</param>
    /// <param name="errno">The errno with which it fails.</param>
    /// <param name="calls">The words of the calls that can fail, as <see cref="InjectionRules"/> reads them.</param>
    public FailNthWatch(long number, Errno errno, string calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        _injector = new NthCall(number, errno, calls.Split(','));
    }

    /// <summary>What fails the call; for the machine.</summary>
    public Injector Injector => _injector;

    /// <inheritdoc/>
    public override EventKinds Kinds => EventKinds.Open | EventKinds.Close | EventKinds.Call | EventKinds.Inject;

    /// <summary>What was seen so far.</summary>
    public FailNthReport Report
    {
        get
        {
            using (_lock.Enter())
            {
                return new FailNthReport
                {
                    Calls = _injector.Count,
                    Names = _injector.Names,
                    Failed = _failed,
                    Repeated = _isRepeated,
                    Left = new SortedDictionary<string, int>(_left, StringComparer.Ordinal),
                };
            }
        }
    }

    /// <summary>What is wrong with the words of calls, in a sentence; null if nothing is.</summary>
    public static string? Check(string calls)
    {
        ArgumentNullException.ThrowIfNull(calls);
        return calls.Split(',').FirstOrDefault(word => !InjectionWords.IsCall(word)) is { } wrong
            ? InjectionWords.NoCall(wrong)
            : null;
    }

    /// <inheritdoc/>
    public override void OnInject(in InjectEvent e)
    {
        using (_lock.Enter())
        {
            if (e.Path is null) return;
            (_failed, _failedOpen) = (NthCall.NameOf(e.Path, "open"), e.Path);
        }
    }

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e)
    {
        using (_lock.Enter()) _isRepeated |= e.Path == _failedOpen;
    }

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        using (_lock.Enter())
        {
            if (call.IsInjected)
                (_failed, _failedCall) = (NthCall.NameOf(call.Path, call.CommandName ?? call.Name), call);
            else if (_failedCall is { } failed && call.Result >= 0 && IsSame(failed, call)) _isRepeated = true;
        }
    }

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e)
    {
        Dictionary<string, int> left = [];
        if (e.File is IommufdContext context)
            foreach (IommufdObject one in context.Objects.All<IommufdObject>()) Count(one, left);
        if (e.File is ISvaFile { Sva.Count: > 0 and var pasids }) left["pasid"] = pasids;
        using (_lock.Enter())
            foreach ((string kind, int count) in left) _left[kind] = _left.GetValueOrDefault(kind) + count;
    }

    // What ends with the file of its device, or with the last attachment, need not be given back by itself.
    private static void Count(IommufdObject one, Dictionary<string, int> left)
    {
        string? kind = one switch
        {
            IommufdIoas => "ioas",
            HwptPaging { IsAutomatic: true } => null,
            IommufdHwpt => "hwpt",
            IommufdFaultQueue => "fault queue",
            IommufdViommu => "viommu",
            Vdevice => "vdevice",
            VeventQueue => "event queue",
            IommufdHwQueue => "hardware queue",
            _ => null,
        };
        if (kind is not null) left[kind] = left.GetValueOrDefault(kind) + 1;
        if (one is not IommufdIoas ioas) return;
        int maps = MappingsOf(ioas);
        if (maps != 0) left["mapping"] = left.GetValueOrDefault("mapping") + maps;
    }

    private static int MappingsOf(IommufdIoas ioas)
    {
        List<AreaView> some = [];
        int count = 0;
        ulong from = 0;
        for (bool hasMore = true; hasMore; some.Clear())
        {
            hasMore = ioas.Table.List(ref from, AtATime, some);
            count += some.Count;
        }

        return count;
    }

    private static bool IsSame(NodeCall one, NodeCall other) => one.Path == other.Path && one.Name == other.Name
        && one.Command == other.Command && one.Offset == other.Offset && one.Count == other.Count
        && one.Before.AsSpan().SequenceEqual(other.Before);
}
