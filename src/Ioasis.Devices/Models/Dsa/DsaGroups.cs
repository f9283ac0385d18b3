using System.Numerics;

namespace Ioasis.Devices.Dsa;

/// <summary>
/// The groups of queues and engines, from the group configuration at the time when the device is enabled.
/// </summary>
internal sealed class DsaGroups
{
    private const int EngineWord = 4, FlagWord = 5;
    private readonly DsaLayout _layout;
    private readonly ulong[] _queues;
    private readonly ulong[] _engines;
    private readonly ulong[] _flags;
    private readonly bool _namesWhatIsNot;

    /// <summary>Reads the configuration.</summary>
    internal DsaGroups(DsaLayout layout, Func<Register, ulong> read)
    {
        _layout = layout;
        (_queues, _engines, _flags) = (new ulong[layout.Groups], new ulong[layout.Groups], new ulong[layout.Groups]);
        for (int group = 0; group < layout.Groups; group++)
        {
            Register[] words = layout.Group[group];
            _queues[group] = read(words[0]);
            _engines[group] = read(words[EngineWord]);
            _flags[group] = read(words[FlagWord]);
            _namesWhatIsNot |= _queues[group] >> layout.Queues != 0
                || _engines[group] >> layout.Engines != 0
                || words.AsSpan(1, EngineWord - 1).ToArray().Any(w => read(w) != 0);
        }
    }

    /// <summary>Why the device cannot be enabled with this configuration.</summary>
    /// <param name="entries">Entries of all queues together.</param>
    internal DsaCommandError Check(int entries)
    {
        if (entries > _layout.QueueEntries) return DsaCommandError.WqSizeErange;
        if (_namesWhatIsNot) return DsaCommandError.Config;
        if (HasTwice(_queues)) return DsaCommandError.GrpConfig;
        if (HasTwice(_engines)) return DsaCommandError.GrpConfig2;
        for (int group = 0; group < _layout.Groups; group++)
            if ((_queues[group] == 0) != (_engines[group] == 0)) return DsaCommandError.GrpConfig3;
        return _flags.Sum(f => (int)(f >> 8) & 0xff) > _layout.ReadBuffers
            ? DsaCommandError.GrpConfig4
            : DsaCommandError.Success;
    }

    internal int OfQueue(int queue) => Array.FindIndex(_queues, q => (q & (1UL << queue)) != 0);

    internal int OfEngine(int engine) => Array.FindIndex(_engines, e => (e & (1UL << engine)) != 0);

    private static bool HasTwice(ulong[] members) =>
        members.Sum(BitOperations.PopCount) != BitOperations.PopCount(members.Aggregate((a, b) => a | b));
}
