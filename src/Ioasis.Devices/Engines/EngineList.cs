namespace Ioasis.Devices;

/// <summary>The engines of a device that have had a command. Reading it takes no lock and disturbs no engine.</summary>
internal sealed class EngineList
{
    private volatile IDeviceEngine[] _engines = [];

    /// <summary>Each engine's name and whether a command runs or waits, in the order of their first ones.</summary>
    internal IReadOnlyList<(string Name, bool IsBusy)> Snapshot => [.. _engines.Select(e => (e.Name, e.IsBusy))];

    /// <summary>Adds an engine; a disposed one goes.</summary>
    internal void Add(IDeviceEngine engine)
    {
        IDeviceEngine[] before, after;
        do
        {
            before = _engines;
            after = [.. before.Where(e => !e.HasEnded), engine];
        }
        while (Interlocked.CompareExchange(ref _engines, after, before) != before);
    }
}

/// <summary>An engine, as others see it.</summary>
internal interface IDeviceEngine
{
    /// <summary>Its thread's name.</summary>
    string Name { get; }

    /// <summary>Whether a command runs or waits.</summary>
    bool IsBusy { get; }

    /// <summary>Whether a command waits, or the end of its thread.</summary>
    bool IsWanted { get; }

    /// <summary>Whether it was disposed of.</summary>
    bool HasEnded { get; }
}
