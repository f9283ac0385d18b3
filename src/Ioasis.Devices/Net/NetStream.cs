using System.Buffers.Binary;
using System.Net.Sockets;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Net;

/// <summary>
/// A link to another process by a UNIX socket, in the format of QEMU's <c>-netdev stream</c>: each frame follows its
/// length in four bytes, big-endian. It waits for the other side, and does so again when that goes.
/// </summary>
/// <param name="path">Path of the socket.</param>
/// <param name="listens">Whether it makes the socket and accepts one connection at a time; else it connects.</param>
public sealed class NetStream(string path, bool listens) : NetLink
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The socket cannot be made.</exception>
    public override NetConnection Connect(INetCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        try
        {
            var connection = new StreamConnection(path, listens ? Listen() : null, card);
            connection.Start();
            return connection;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new ArgumentException($"The socket \"{path}\" cannot be made: {e.Message}", nameof(card), e);
        }
    }

    private Socket Listen()
    {
        Socket socket = NewSocket();
        try
        {
            try
            {
                socket.Bind(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse && IsLeftOver())
            {
                File.Delete(path);
                socket.Bind(new UnixDomainSocketEndPoint(path));
            }

            socket.Listen(1);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Whether a socket is there that nobody listens to.</summary>
    private bool IsLeftOver()
    {
        using Socket socket = NewSocket();
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private sealed class StreamConnection : NetConnection
    {
        private const int LengthSize = sizeof(int), Room = 1 << 20;
        private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);
        private readonly string _path;
        private readonly Socket? _listener;
        private readonly INetCard _card;
        private readonly FrameQueue _outbox = new(Room);
        private readonly ManualResetEventSlim _ends = new();
        private readonly byte[] _sent = new byte[LengthSize + NetFrame.MostBytes];
        private readonly byte[] _received = new byte[NetFrame.MostBytes];
        private Thread? _receiver, _sender;
        private volatile Socket? _socket; // to the other side, while it is there
        private volatile bool _wantsRoom;

        internal StreamConnection(string path, Socket? listener, INetCard card)
        {
            _path = path;
            _listener = listener;
            _card = card;
        }

        public override bool IsUp => _socket is not null;

        /// <exception cref="IOException">The host has no thread to give.</exception>
        internal void Start()
        {
            try
            {
                _sender = HostThread.Start("net stream out", Send);
                _receiver = HostThread.Start("net stream in", Receive);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public override bool TrySend(int queue, ReadOnlySpan<byte> frame)
        {
            if (_socket is null || _outbox.TryAdd(frame)) return true;
            _wantsRoom = true;
            Thread.MemoryBarrier(); // the sender sees it, or we see the room that it made
            return _outbox.TryAdd(frame);
        }

        public override void Dispose()
        {
            _ends.Set();
            _outbox.Close();
            if (_listener is not null)
            {
                _listener.Dispose();
                File.Delete(_path);
            }

            _socket?.Dispose();
            _receiver?.Join();
            _sender?.Join();
            _ends.Dispose();
        }

        private void Receive()
        {
            while (TryMeet() is { } socket)
            {
                _socket = socket;
                if (_ends.IsSet) socket.Dispose();
                _card.LinkChanged();
                while (TryReceive(socket, out int length)) _card.Receive(0, _received.AsSpan(0, length));
                _socket = null;
                socket.Dispose();
                _outbox.Clear();
                if (_ends.IsSet) return;
                _card.LinkChanged();
                _card.Writable();
            }
        }

        /// <summary>Waits for the other side; null at the end.</summary>
        private Socket? TryMeet()
        {
            while (!_ends.IsSet)
            {
                Socket? socket = null;
                try
                {
                    if (_listener is not null) return _listener.Accept();
                    socket = NewSocket();
                    socket.Connect(new UnixDomainSocketEndPoint(_path));
                    return socket;
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    socket?.Dispose();
                    if (_ends.Wait(s_retry)) return null;
                }
            }

            return null;
        }

        private bool TryReceive(Socket socket, out int length)
        {
            length = 0;
            if (!TryFill(socket, _received.AsSpan(0, LengthSize))) return false;
            length = BinaryPrimitives.ReadInt32BigEndian(_received);
            // without a length that can be, nobody knows where the next frame begins
            return length is > 0 and <= NetFrame.MostBytes && TryFill(socket, _received.AsSpan(0, length));
        }

        private static bool TryFill(Socket socket, Span<byte> bytes)
        {
            try
            {
                while (!bytes.IsEmpty)
                {
                    int count = socket.Receive(bytes);
                    if (count == 0) return false;
                    bytes = bytes[count..];
                }

                return true;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }

        private void Send()
        {
            while (_outbox.TakeNext(_sent.AsSpan(LengthSize)) is > 0 and int length)
            {
                if (_wantsRoom)
                {
                    _wantsRoom = false;
                    _card.Writable();
                }

                BinaryPrimitives.WriteInt32BigEndian(_sent, length);
                try
                {
                    ReadOnlySpan<byte> left = _sent.AsSpan(0, LengthSize + length);
                    while (_socket is { } socket && !left.IsEmpty) left = left[socket.Send(left)..];
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    // the receiving thread notices too
                }
            }
        }
    }
}
