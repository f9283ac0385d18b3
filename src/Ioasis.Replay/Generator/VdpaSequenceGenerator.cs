using Ioasis.Replay.Calls;
using Ioasis.Replay.InProcess;

namespace Ioasis.Replay.Generator;

/// <summary>
/// Makes sequences of calls to a vDPA network device and a vDPA disk from a seed, as <see cref="SequenceGenerator"/>
/// does for VFIO. Queues are set up, and devices started, but no queue runs: what is compared is what the calls answer.
/// </summary>
public sealed partial class VdpaSequenceGenerator
{
    private const int CallsBetweenResets = 200, Devices = 2;
    private const ulong DriverOk = 4;
    private readonly Random _random;
    private readonly Queue<Call> _planned = [];
    private readonly (int Weight, Func<Call> Make)[] _choices;
    private readonly VdpaState[] _devices = [new(), new()];
    private int _device;

    private VdpaSequenceGenerator(int seed)
    {
        _random = new Random(seed);
        _choices =
        [
            (30, Update), (18, Invalidate), (6, Batch), (4, OtherMessage), (8, SetStatus), (5, SetFeatures),
            (5, SetBackend), (6, Number), (5, Config), (8, () => Vring("set_vring_num", RingSize())), (10, Addresses),
            (8, () => Vring("set_vring_base", RingBase())), (6, () => Vring("get_vring_base", 0)),
            (8, () => Vring("set_vring_enable", (ulong)_random.Next(3))), (10, Event), (4, Group), (3, Suspension),
            (3, () => On("set_owner")), (2, OpenOrClose), (2, Raw),
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
        var generator = new VdpaSequenceGenerator(seed);
        var calls = new List<Call>();
        var answers = new List<string>();
        while (calls.Count < count)
        {
            // What was written down is what is played: the other side has nothing else.
            var call = Call.Parse((calls.Count == 0 ? new Call("reset_vdpa") : generator.Next()).ToString());
            string answer = play(call);
            generator.Observe(call, answer);
            calls.Add(call);
            answers.Add(answer);
        }

        return (calls, answers);
    }

    private VdpaState Device => _devices[_device];

    private Call Next()
    {
        if (_planned.TryDequeue(out Call? planned)) return planned;
        if (Chance(CallsBetweenResets)) return new Call("reset_vdpa");
        _device = _random.Next(Devices);
        if (!Device.IsOpen && !Chance(8)) return On("open");
        if (Device is { IsOpen: true, HasOwner: false } && Chance(4)) return On("set_owner");
        int draw = _random.Next(_choices.Sum(c => c.Weight)), at = 0;
        while (draw >= _choices[at].Weight) draw -= _choices[at++].Weight;
        Call call = _choices[at].Make();
        if (LetsQueueRun(call)) return Next();
        return Chance(12) ? Spoil(call) : call;
    }

    /// <summary>Takes note of what there is now.</summary>
    private void Observe(Call call, string answer)
    {
        if (call.Name == "reset_vdpa")
        {
            for (int device = 0; device < Devices; device++) _devices[device] = new VdpaState();
            PlanStart();
        }

        VdpaState state = _devices[call.IndexOf("vdpa")];
        switch (call.Name)
        {
            case "open" when call.Find("beside") is null:
                _devices[call.IndexOf("vdpa")] = new VdpaState { IsOpen = answer == "0" };
                break;
            case "close":
                _devices[call.IndexOf("vdpa")] = new VdpaState();
                break;
            case "set_owner" when answer == "0":
                state.HasOwner = true;
                break;
            case "message" when answer.StartsWith('0'):
                state.Observe(call);
                break;
            case "set_status" when answer == "0":
                state.IsStarted = (Number(call, "value") & DriverOk) != 0;
                state.HasQueue &= Number(call, "value") != 0;
                break;
            case "set_vring_enable" when answer == "0":
                state.HasQueue |= Number(call, "num") != 0;
                break;
            case "set_backend" when answer == "0":
                state.HasAsids = (Number(call, "value") & AsidFeature) != 0;
                break;
        }
    }

    /// <summary>
    /// Whether a queue would run. Where it runs in memory that is not mapped, ours finds the device in need of a reset,
    /// at a time of its own. Linux's simulators say nothing.
    /// </summary>
    private bool LetsQueueRun(Call call) => call.Name switch
    {
        "set_status" => Device.HasQueue && (Number(call, "value") & DriverOk) != 0,
        "set_vring_enable" => Device.IsStarted && Number(call, "num") != 0,
        _ => false,
    };

    /// <summary>Most times there is an owner, and a driver that got somewhere.</summary>
    private void PlanStart()
    {
        for (_device = 0; _device < Devices; _device++)
        {
            _planned.Enqueue(On("open"));
            if (Chance(5)) continue;
            _planned.Enqueue(On("set_owner"));
            if (!Chance(3)) _planned.Enqueue(On("set_backend").Set("value", 0x1e));
            if (Chance(3)) continue;
            _planned.Enqueue(On("set_status").Set("value", 3));
            _planned.Enqueue(On("set_features").Set("value", BasicFeatures));
            _planned.Enqueue(On("set_status").Set("value", 0xb));
        }

        _device = 0;
    }

    private Call OpenOrClose() => _random.Next(4) switch
    {
        0 => On("close"),
        1 => On("open"),
        _ => On("open").Set("beside", 1),
    };

    private Call On(string name) => new Call(name).Set("vdpa", $"{_device}");

    private static ulong Number(Call call, string key) => call.Find(key) is { } text ? Place.Resolve(text) : 0;

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(params ReadOnlySpan<T> from) => from[_random.Next(from.Length)];
}
