namespace Ioasis.Devices.Mtty;

/// <summary>
/// A 16550A whose line leads back to itself: each byte that is sent is received. Sending takes no time. Registers and
/// bits have the names of linux/serial_reg.h.
/// </summary>
/// <param name="raise">Raises the interrupt.</param>
internal sealed class MttyPort(Action raise)
{
    /// <summary>Bytes of registers.</summary>
    internal const int Registers = 8;

    private const int FifoSize = 16;
    private const int RxTx = 0, Ier = 1, IirFcr = 2, Lcr = 3, Mcr = 4, Lsr = 5, Msr = 6, Scr = 7;
    private const byte IerReceived = 1, IerEmpty = 2, IerLine = 4, IerModem = 8;
    private const byte IirNone = 1, IirEmpty = 2, IirReceived = 4, IirLine = 6, IirFifos = 0xc0;
    private const byte FcrEnable = 1, FcrClear = 6, LcrDlab = 0x80;
    private const byte McrDtrRts = 3, McrOut2 = 8, McrAutoFlow = 0x20;
    private const byte LsrReady = 1, LsrOverrun = 2, LsrEmpty = 0x60;
    private const byte MsrDeltaCts = 1, MsrDeltaDsr = 2, MsrCts = 0x10, MsrDsr = 0x20, MsrDcd = 0x80;

    private readonly byte[] _registers = new byte[Registers];
    private readonly Queue<byte> _received = new(FifoSize);
    private ushort _divisor;
    private int _capacity, _trigger;
    private bool _hasOverrun;

    private bool IsDivisorShown => (_registers[Lcr] & LcrDlab) != 0;

    internal void Reset()
    {
        Array.Clear(_registers);
        _received.Clear();
        (_divisor, _capacity, _trigger, _hasOverrun) = (0, 1, 1, false);
    }

    internal byte Read(int register) => register switch
    {
        RxTx => IsDivisorShown ? (byte)_divisor : Receive(),
        Ier => IsDivisorShown ? (byte)(_divisor >> 8) : (byte)(_registers[Ier] & 0xf),
        IirFcr => IdentifyInterrupt(),
        Lsr => TakeLineStatus(),
        Msr => (byte)(MsrDsr | MsrDeltaDsr | MsrDcd | (CanTakeMore ? MsrCts | MsrDeltaCts : 0)),
        Lcr or Mcr or Scr => _registers[register],
        _ => 0, // the other bytes of a wider access
    };

    internal void Write(int register, byte value)
    {
        switch (register)
        {
            case RxTx when IsDivisorShown:
                _divisor = (ushort)((_divisor & 0xff00) | value);
                break;
            case RxTx:
                Send(value);
                break;
            case Ier when IsDivisorShown:
                _divisor = (ushort)((_divisor & 0xff) | (value << 8));
                break;
            case Ier:
                _registers[Ier] = value;
                if ((value & IerEmpty) != 0 && _received.Count == 0) raise();
                break;
            case IirFcr:
                SetFifo(value);
                break;
            case Mcr:
                _registers[Mcr] = value;
                if (IsEnabled(IerModem) && (value & (McrOut2 | McrDtrRts)) != 0) raise();
                break;
            case Lcr or Scr:
                _registers[register] = value;
                break;
        }
    }

    // With automatic flow control, CTS says whether there is room.
    private bool CanTakeMore => (_registers[Mcr] & McrAutoFlow) == 0 || _received.Count < _capacity;

    private bool IsEnabled(byte interrupt) => (_registers[Ier] & interrupt) != 0;

    private void Send(byte value)
    {
        if (_received.Count < _capacity)
        {
            _received.Enqueue(value);
            if (IsEnabled(IerReceived) && _received.Count == _trigger) raise();
        }
        else
        {
            _hasOverrun = true;
            if (IsEnabled(IerLine)) raise();
        }
    }

    private byte Receive()
    {
        if (!_received.TryDequeue(out byte value)) return 0;
        if (_received.Count == 0 && IsEnabled(IerEmpty)) raise();
        return value;
    }

    private void SetFifo(byte value)
    {
        if ((value & FcrClear) != 0) _received.Clear();
        bool isEnabled = (value & FcrEnable) != 0;
        _capacity = isEnabled ? FifoSize : 1;
        _trigger = !isEnabled ? 1 : (value >> 6) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };
    }

    private byte IdentifyInterrupt()
    {
        byte interrupts = 0;
        if (IsEnabled(IerLine) && _hasOverrun) interrupts |= IirLine;
        if (IsEnabled(IerReceived) && _received.Count >= _trigger) interrupts |= IirReceived;
        if (IsEnabled(IerEmpty) && _received.Count == 0) interrupts |= IirEmpty;
        if (interrupts == 0 && !(IsEnabled(IerModem) && (_registers[Mcr] & McrDtrRts) != 0)) interrupts = IirNone;
        return (byte)(IirFifos | interrupts);
    }

    private byte TakeLineStatus()
    {
        int status = _received.Count == 0 ? LsrEmpty : LsrReady;
        if (_hasOverrun) status |= LsrOverrun;
        _hasOverrun = false;
        return (byte)status;
    }
}
