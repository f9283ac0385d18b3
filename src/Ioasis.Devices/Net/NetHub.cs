using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Net;

/// <summary>A hub in software: what one card sends all others get. With two cards it is a cable.</summary>
public sealed class NetHub : NetLink
{
    // Guards changes of the list of connections. No other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.NetHub);
    private volatile Connection[] _connections = [];

    /// <inheritdoc/>
    public override NetConnection Connect(INetCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        var connection = new Connection(this, card);
        using (_lock.Enter()) _connections = [.. _connections, connection];
        foreach (Connection other in _connections)
            if (other != connection) other.Card.LinkChanged();
        return connection;
    }

    private void Remove(Connection connection)
    {
        using (_lock.Enter()) _connections = [.. _connections.Where(c => c != connection)];
        foreach (Connection other in _connections) other.Card.LinkChanged();
    }

    private sealed class Connection(NetHub hub, INetCard card) : NetConnection
    {
        private volatile bool _isEnded;

        internal INetCard Card => card;

        public override bool IsUp => hub._connections.Length > 1;

        public override bool TrySend(int queue, ReadOnlySpan<byte> frame)
        {
            foreach (Connection other in hub._connections)
                if (other != this && !other._isEnded) other.Card.Receive(queue, frame);
            return true;
        }

        public override void Dispose()
        {
            _isEnded = true;
            hub.Remove(this);
        }
    }
}
