using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Generator;

/// <summary>
/// Makes sequences from a seed. Each call is played on our implementation at once, and the answer tells what can be
/// done next: that is how sequences get deep. The same seed gives the same sequence for as long as the answers are the
/// same.
/// </summary>
public sealed partial class SequenceGenerator
{
    private const int CallsBetweenResets = 300;
    private readonly Random _random;
    private readonly World _world = new();
    private readonly Queue<Call> _planned = [];
    private readonly (int Weight, Func<Call> Make)[] _choices;
    private int _context;

    private SequenceGenerator(int seed)
    {
        _random = new Random(seed);
        _choices =
        [
            (4, IoasAlloc), (3, Destroy), (22, Map), (7, MapFile), (12, Copy), (14, Unmap), (8, IovaRanges),
            (5, AllowIovas), (4, Option),
            (5, HwptAlloc), (2, HwInfo), (1, Dirty), (1, () => On("change_process")), (1, Raw), (2, OpenOrClose),
                (3, Bind), (9, Attach), (3, Detach),
            (2, VfioIoas), (8, VfioMap), (6, VfioUnmap), (3, VfioInfo), (2, Container), (5, Group),
            (1, FaultQueue), (1, Invalidate), (1, Viommu), (1, Vdevice), (1, Veventq), (1, HwQueue),
        ];
    }

    /// <summary>The calls of a seed and what our implementation answered.</summary>
    public static (List<Call> Calls, List<string> Answers) Generate(int seed, int count)
    {
        using var player = new Player();
        return Generate(seed, count, player.Play);
    }

    /// <summary>The calls of a seed and what <paramref name="play"/> answered, which gets each at once.</summary>
    public static (List<Call> Calls, List<string> Answers) Generate(int seed, int count, Func<Call, string> play)
    {
        ArgumentNullException.ThrowIfNull(play);
        var generator = new SequenceGenerator(seed);
        var calls = new List<Call>();
        var answers = new List<string>();
        while (calls.Count < count)
        {
            // What was written down is what is played: the other side has nothing else.
            var call = Call.Parse((calls.Count == 0 ? new Call("reset") : generator.Next()).ToString());
            string answer = play(call);
            generator._world.Observe(call, answer);
            calls.Add(call);
            answers.Add(answer);
            if (call.Name == "reset") generator.PlanStart();
            if (call.Name == "set_container" && answer == "0") generator.PlanCompat(call);
        }

        return (calls, answers);
    }

    private Call Next()
    {
        if (_planned.TryDequeue(out Call? planned)) return planned;
        if (Chance(CallsBetweenResets))
        {
            PlanEnd();
            return _planned.Dequeue();
        }

        _context = Chance(8) ? 1 : 0;
        if (!Context.IsOpen && !Chance(4)) return On("open").Set("ctx", $"{_context}");
        if (Context.All(World.Kind.Ioas).Count == 0 && Chance(2)) return OnContext(IoasAlloc());
        int draw = _random.Next(_choices.Sum(c => c.Weight));
        int at = 0;
        while (draw >= _choices[at].Weight) draw -= _choices[at++].Weight;
        Call call = OnContext(_choices[at].Make());
        if (Chance(9)) call = Spoil(call);
        return _world.Allows(call) ? call : Next();
    }

    private Call OnContext(Call call) =>
        _context != 0 && CallTable.Find(call.Name) is { Target: CallTarget.Context } ? call.Set("ctx", "1") : call;

    /// <summary>Most times there are devices: without one an IOAS is only bookkeeping.</summary>
    private void PlanStart()
    {
        for (int ioas = _random.Next(4); ioas > 0; ioas--) _planned.Enqueue(On("ioas_alloc"));
        for (int device = 0; device < 2; device++)
        {
            if (Chance(4)) continue;
            if (Chance(4))
            {
                _planned.Enqueue(On("open").Set("group", $"{device}"));
                _planned.Enqueue(On("set_container").Set("group", (ulong)device).Set("fd", "ctx0"));
                _planned.Enqueue(GroupDevice(device));
                continue;
            }

            _planned.Enqueue(new Call("open").Set("dev", $"{device}"));
            _planned.Enqueue(new Call("bind").Set("dev", $"{device}").Set("iommufd", "ctx0"));
        }
    }

    /// <summary>A container may have been given an IOAS: which one it is.</summary>
    private void PlanCompat(Call call) =>
        _planned.Enqueue(On("vfio_ioas").Set("ctx", call.Find("fd") == "ctx1" ? 1u : 0));

    /// <summary>
    /// Reads back what is there: the ranges and how much each IOAS maps; then everything is closed, in some order.
    /// </summary>
    private void PlanEnd()
    {
        for (int context = 0; context < 2; context++)
        {
            _planned.Enqueue(new Call("vfio_info").Set("ctx", (ulong)context).Set("argsz", 256));
            foreach (ulong ioas in _world.Contexts[context].All(World.Kind.Ioas))
            {
                _planned.Enqueue(new Call("iova_ranges")
                    .Set("ctx", (ulong)context).Set("ioas_id", ioas).Set("num_iovas", 64).Set("allowed_iovas", "arr"));
                if (Chance(2))
                    _planned.Enqueue(new Call("unmap")
                        .Set("ctx", (ulong)context).Set("ioas_id", ioas).Set("length", ulong.MaxValue));
            }
        }

        if (Chance(3)) _planned.Enqueue(new Call("close").Set("ctx", $"{_random.Next(2)}"));
        if (Chance(3)) _planned.Enqueue(new Call("close").Set("dev", $"{_random.Next(2)}"));
        _planned.Enqueue(new Call("reset"));
    }

    /// <summary>Makes something of a call wrong, or at least odd.</summary>
    private Call Spoil(Call call)
    {
        if (CallTable.Find(call.Name) is not { Fields.Count: > 0 } kind) return call;
        if (kind.Name == "set_container") return call; // its only field is a descriptor
        CallField size = kind.Fields[0], field = kind.Fields[_random.Next(kind.Fields.Count)];
        switch (_random.Next(7))
        {
            case 0:
                return call.Set(size.Name, (ulong)_random.Next(2 * kind.Size));
            case 1:
                return call.Set(size.Name, (ulong)(kind.Size + _random.Next(1, 40)))
                    .Set("poke", (ulong)(kind.Size + _random.Next(40)));
            case 2:
                return call.Set(size.Name, Pick<ulong>(4095, 4096, 4097, 8192, 0xffff_ffff));
            case 3:
                string at = Pick("hole", "ro", $"cut:{_random.Next(1, kind.Size + 1)}", $"cut:{kind.Size}",
                    $"cut:{kind.Size + 8}");

                // Where the answer cannot be written, Linux leaves the mapping there, and we undo it (docs/uapi.md, 1).
                bool maps = call.Name is "map" or "map_file" or "copy";
                return call.Set("at", maps && at == "ro" ? "hole" : at);
            default:
                if (field.Name is "user_va" or "vaddr" or "fd" or "iommufd" or "allowed_iovas" or "data_uptr")
                    return call;
                ulong value = Pick<ulong>(1, 2, 3, 8, 0xfff, 0x1000, 1UL << _random.Next(64), uint.MaxValue,
                    ulong.MaxValue, ulong.MaxValue - 0xfff);

                // A descriptor that Linux gives out may have just that number, and would look as if nothing had been
                // written.
                return field.Name.EndsWith("_fd", StringComparison.Ordinal) && value < 0x1000
                    ? call
                    : call.Set(field.Name, field.Width >= 8 ? value : value & ((1UL << (8 * field.Width)) - 1));
        }
    }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(params ReadOnlySpan<T> from) => from[_random.Next(from.Length)];
}
