namespace Ioasis.Devices.Net;

/// <summary>What network cards can be connected to. Thread-safe.</summary>
public abstract class NetLink
{
    /// <summary>Connects a card.</summary>
    /// <param name="card">Gets what arrives, until the connection is disposed.</param>
    /// <exception cref="IOException">The host refuses.</exception>
    public abstract NetConnection Connect(INetCard card);
}

/// <summary>A card's connection to a link. Thread-safe.</summary>
public abstract class NetConnection : IDisposable
{
    /// <summary>Whether frames get anywhere.</summary>
    public abstract bool IsUp { get; }

    /// <summary>Sends a frame. Does not wait.</summary>
    /// <param name="queue">Number of the pair of queues that it comes from.</param>
    /// <param name="frame">The frame, from its destination address on, without checksum.</param>
    /// <returns>
    /// False if there is no room: <see cref="INetCard.Writable"/> tells when there is. A frame that gets nowhere counts
    /// as sent.
    /// </returns>
    public abstract bool TrySend(int queue, ReadOnlySpan<byte> frame);

    /// <summary>Ends the connection. The card gets no calls when this has returned.</summary>
    public abstract void Dispose();
}

/// <summary>A network card as its link sees it. Any thread may call; no call waits.</summary>
public interface INetCard
{
    /// <summary>A frame arrives. The card drops it if it has no room.</summary>
    /// <param name="queue">Number of the sender's pair of queues; 0 where that is not known.</param>
    /// <param name="frame">The frame.</param>
    void Receive(int queue, ReadOnlySpan<byte> frame);

    /// <summary>There is room again after <see cref="NetConnection.TrySend"/> was false.</summary>
    void Writable();

    /// <summary><see cref="NetConnection.IsUp"/> has changed.</summary>
    void LinkChanged();
}
