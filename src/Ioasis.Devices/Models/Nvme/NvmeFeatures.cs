namespace Ioasis.Devices.Nvme;

/// <summary>
/// Features that a driver can set. Only the admin queue's thread uses it, except for <see cref="Reset"/>.
/// </summary>
internal sealed class NvmeFeatures
{
    private const uint Current = 0, Default = 1, Saved = 2, Supported = 3;
    private const uint Changeable = 4;
    private const uint UnderThreshold = 1u << 20;
    private const uint TemperatureEvents = 2;
    private readonly NvmeController _controller;
    private readonly NvmeNamespace _blocks;
    private readonly Dictionary<NvmeFeature, uint> _values = [];
    private readonly uint[] _vectors;
    private uint _underTemperature;

    internal NvmeFeatures(NvmeController controller, NvmeNamespace blocks)
    {
        _controller = controller;
        _blocks = blocks;
        _vectors = new uint[controller.Queues + 1];
        Reset();
    }

    private uint MostQueues => (uint)(_controller.Queues - 1) * 0x10001;

    internal void Reset()
    {
        foreach (NvmeFeature feature in Enum.GetValues<NvmeFeature>()) _values[feature] = DefaultOf(feature);
        Array.Clear(_vectors);
        _underTemperature = 0;
    }

    internal NvmeOutcome Get(in NvmeCommand command)
    {
        var feature = (NvmeFeature)(command.Cdw10 & 0xff);
        if (!_values.TryGetValue(feature, out uint value)) return NvmeStatus.InvalidField;
        switch ((command.Cdw10 >> 8) & 7)
        {
            case Supported:
                return new NvmeOutcome(NvmeStatus.Success, Changeable);
            case Default or Saved:
                return new NvmeOutcome(NvmeStatus.Success, DefaultOf(feature));
            case Current when feature is NvmeFeature.TempThresh:
                return IsTemperature(command.Cdw11)
                    ? new NvmeOutcome(NvmeStatus.Success,
                        (command.Cdw11 & UnderThreshold) != 0 ? _underTemperature : value)
                    : NvmeStatus.InvalidField;
            case Current when feature is NvmeFeature.IrqConfig:
                return (command.Cdw11 & 0xffff) < _vectors.Length
                    ? new NvmeOutcome(NvmeStatus.Success, (command.Cdw11 & 0xffff) | _vectors[command.Cdw11 & 0xffff])
                    : NvmeStatus.InvalidField;
            case Current:
                return new NvmeOutcome(NvmeStatus.Success, value);
            default:
                return NvmeStatus.InvalidField;
        }
    }

    internal NvmeOutcome Set(in NvmeCommand command)
    {
        var feature = (NvmeFeature)(command.Cdw10 & 0xff);
        if (!_values.ContainsKey(feature)) return NvmeStatus.InvalidField;
        if (command.Cdw10 >> 31 != 0) return NvmeStatus.FeatureNotSaveable;
        uint value = command.Cdw11;
        switch (feature)
        {
            case NvmeFeature.NumQueues:
                return SetQueues(value);
            case NvmeFeature.TempThresh:
                return SetTemperature(value);
            case NvmeFeature.IrqConfig:
                if ((value & 0xffff) >= _vectors.Length) return NvmeStatus.InvalidField;
                _vectors[value & 0xffff] = value & 0x10000; // whether the vector coalesces; without effect
                return NvmeStatus.Success;
            case NvmeFeature.PowerMgmt when (value & 0x1f) != 0: // only one power state exists
                return NvmeStatus.InvalidField;
            case NvmeFeature.VolatileWc:
                _blocks.WritesThrough = (value & 1) == 0;
                value &= 1;
                if (value == 0) _blocks.TryFlush();
                break;
        }

        _values[feature] = value;
        return NvmeStatus.Success;
    }

    private uint DefaultOf(NvmeFeature feature) => feature switch
    {
        NvmeFeature.TempThresh => NvmeLogs.WarningTemperature,
        NvmeFeature.VolatileWc => 1,
        NvmeFeature.NumQueues => MostQueues,
        _ => 0,
    };

    /// <summary>
    /// Sets the number of queues. Both counts are zero-based. All queues are granted, whatever was requested.
    /// </summary>
    private NvmeOutcome SetQueues(uint value)
    {
        if (_controller.HasIoQueues) return NvmeStatus.CmdSeqError;
        if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff) return NvmeStatus.InvalidField;
        return new NvmeOutcome(NvmeStatus.Success, MostQueues);
    }

    private NvmeStatus SetTemperature(uint value)
    {
        if (!IsTemperature(value)) return NvmeStatus.InvalidField;
        uint threshold = value & 0xffff;
        if ((value & UnderThreshold) != 0) _underTemperature = threshold;
        else _values[NvmeFeature.TempThresh] = threshold;
        bool beyond = NvmeLogs.Temperature >= _values[NvmeFeature.TempThresh]
            || NvmeLogs.Temperature <= _underTemperature;
        if (beyond && (_values[NvmeFeature.AsyncEvent] & TemperatureEvents) != 0)
            _controller.Events.Add(NvmeEvent.TemperatureThreshold);
        return NvmeStatus.Success;
    }

    /// <summary>
    /// Whether a value names the composite temperature's threshold, over or under. There are no other sensors.
    /// </summary>
    private static bool IsTemperature(uint value) => (value & 0xf0000) == 0 && (value & 0x200000) == 0;
}
