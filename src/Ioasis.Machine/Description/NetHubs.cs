using System.Collections.Concurrent;
using Ioasis.Devices.Net;

namespace Ioasis.Machine.Description;

/// <summary>The hubs of a machine by name. A hub exists once a device names it.</summary>
internal sealed class NetHubs
{
    private readonly ConcurrentDictionary<string, NetHub> _hubs = new();

    internal NetHub Named(string name) => _hubs.GetOrAdd(name, static _ => new NetHub());
}
