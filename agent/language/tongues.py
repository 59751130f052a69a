"""Languages that questions may be asked in beside English: small tables of function words, question words and numbers.

A question is understood by its frame ("how many ... are there"), not by what it is about. So the frame alone is put
into English, word for word; names and things stay as they were asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from vagent.agent.language.words import fold


@dataclass(frozen=True)
class Tongue:
    """One language. Words are folded (no case, no accents).

    Attributes:
        code: ISO 639-1.
        name: in English.
        stop: words that carry no content.
        frame: ``foreign=English`` pairs, one a comma: what questions are made of.
        months, days: names in order, January and Monday first.
        numbers: number words from zero on.
        spans, currencies, measures, colours: words of such values, as regular expressions between spaces.
        hours: what stands after the hour of a clock; at: what stands before it, between bars.
        called: phrases after which somebody's name stands, between bars.
        nouns: all nouns are written with a capital, so that a capital does not make a name.
    """

    code: str
    name: str
    stop: str
    frame: str
    months: str
    days: str
    numbers: str
    spans: str
    currencies: str
    measures: str
    colours: str
    hours: str
    at: str
    called: str
    nouns: bool = False

    @cached_property
    def stops(self) -> frozenset[str]:
        """The words that carry no content."""
        return frozenset(fold(self.stop).split())

    @cached_property
    def glosses(self) -> Mapping[tuple[str, ...], str]:
        """English for each phrase of a question's frame."""
        pairs = (pair.split("=") for pair in self.frame.replace("\n", " ").split(","))
        return {tuple(fold(foreign).split()): english.strip() for foreign, english in pairs}

    @cached_property
    def known(self) -> frozenset[str]:
        """All words by which the language is recognised."""
        return self.stops | {word for phrase in self.glosses for word in phrase}


TONGUES: tuple[Tongue, ...] = (
    Tongue(
        code="de",
        name="German",
        stop="der die das den dem des ein eine einen einem einer eines und oder aber in im am an auf aus bei mit nach"
        " von vom zu zum zur für über unter vor hinter durch um ist sind war waren wird werden wurde wurden hat"
        " haben hatte hatten sein es er sie wir ihr ich du man sich nicht kein keine auch noch nur schon so als wie"
        " wenn ob denn dass dieser diese dieses jener da dort hier mal je etwas ihm ihn ihnen ihre ihren seine"
        " seinen",
        frame="""
        der=the, die=the, das=the, den=the, dem=the, des=of the, ein=a, eine=a, einen=a, von=of, vom=of the,
        heisst=is called, wie viele=how many, wieviele=how many, wie viel=how much, wieviel=how much,
        wie oft=how many times, wie lange=how long, wie alt=how old, wie hoch=how high, wie weit=how far,
        wie schnell=how fast, wie schwer=how heavy, wie gross=how tall, wie heisst=what is the name of,
        wie heissen=what are the names of, wie teuer=how much cost, wie viel kostet=how much does it cost,
        was kostet=how much does it cost, zu welcher zeit=at what time, um wie viel uhr=at what time,
        um wieviel uhr=at what time, wann=when, warum=why, weshalb=why, wieso=why, wozu=why, wo=where, wohin=where,
        woher=where, wer=who, wen=whom, wem=whom, wessen=whose, was=what, welche=which, welcher=which,
        welches=which, welchen=which, welchem=which, wie=how, gibt es=is there, kommt vor=is shown,
        ist zu sehen=is seen, zu sehen=seen, zu hoeren=heard, sieht man=is seen, hoert man=is heard,
        wird gezeigt=is shown, gezeigt=shown, erscheint=appears, erwaehnt=mentioned, wird gesagt=is said,
        gesagt=said, sagt=says, sagen=say, spricht=speaks, sprechen=speak, erklaert=explains, antwortet=answers,
        fragt=asks, passiert=happens, geschieht=happens, kommt zuerst=comes first, zuerst=first, zuletzt=last,
        zum ersten mal=for the first time, erste=first, ersten=first, letzte=last, letzten=last, zweite=second,
        dritte=third, nach=after, vor=before, bevor=before, nachdem=after, direkt=directly, zwischen=between,
        und=and, oder=or, waehrend=while, jemals=ever, je=ever, niemals=never, nie=never, irgendwo=anywhere,
        jemand=anybody, farbe=colour, preis=price, jahr=year, monat=month, datum=date, tag=day,
        telefonnummer=telephone number, adresse=address, webseite=website, passwort=password, titel=title,
        name=name, video=video, film=film, bildschirm=screen, text=text, folie=slide, untertitel=subtitle,
        geschrieben=written, steht=is written, grund=reason, person=person, leute=people, personen=people,
        menschen=people, am anfang=at the start, am ende=at the end, bei=at, sekunde=second, sekunden=seconds,
        minute=minute, minuten=minutes, worum geht es=what is it about, fasse zusammen=summarize,
        zusammenfassung=summary, wie viele male=how many times, stadt=city, land=country, strasse=street,
        geraeusch=sound, geraeusche=sounds, mal=times, ist=is, sind=are, hat=has, war=was, wird=is,
        spielt sich ab=takes place, kostet=costs, traegt=wears, welche farbe hat=what colour is,
        frau=woman, mann=man, maedchen=girl, junge=boy, kommt=comes, folgt=follows, jemandem=somebody,
        erzaehlt=tells
        """,
        months="januar februar märz april mai juni juli august september oktober november dezember",
        days="montag dienstag mittwoch donnerstag freitag samstag sonntag",
        numbers="null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn"
        " sechzehn siebzehn achtzehn neunzehn zwanzig"
        " dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend",
        spans="sekunden? minuten? stunden? tagen? tage? nächte? wochen? monate?n? jahre?n? jahrzehnte?",
        currencies="euro cent franken rappen dollar pfund mark schilling",
        measures="meter kilometer zentimeter millimeter kilo kilogramm gramm pfund tonnen? liter grad prozent watt"
        " volt",
        colours="rot schwarz weiß weiss blau grün gelb braun grau lila violett orange rosa golden silbern",
        hours="uhr",
        at="um|gegen|ab|bis",
        called="ich heiße|ich heisse|ich bin|mein name ist|heißt|heisst|namens",
        nouns=True,
    ),
    Tongue(
        code="fr",
        name="French",
        stop="le la les l un une des du de d et ou mais dans en au aux a à par pour sur sous avec sans vers chez est"
        " sont était étaient être ont avait il elle ils elles on nous vous je tu se s ne n pas plus y ce cet cette"
        " ces c son sa ses leur leurs que qui qu t lui dont si comme très bien aussi tout tous toute",
        frame="""
        le=the, la=the, les=the, l=the, du=of the, de la=of the, de l=of the, des=of the, de=of, un=a, une=a,
        dans=in, combien de fois=how many times, combien de temps=how long, combien coute=how much does it cost,
        combien de=how many, combien d=how many, combien=how much, quel age=how old, quelle heure=what time,
        a quelle heure=at what time, a quel moment=at what moment, quand est ce que=when, quand=when,
        pourquoi est ce que=why, pourquoi=why, pour quelle raison=for what reason, ou est ce que=where, où=where,
        d ou=where, qui est ce qui=who, qui est=who is, qui=who, a qui=whom, qu est ce que=what, qu est ce qui=what,
        que=what, quoi=what, quel=what, quelle=what, quels=what, quelles=what, lequel=which, laquelle=which,
        comment s appelle=what is the name of, comment=how, est ce qu=is, est ce que=is, y a t il=is there,
        il y a=there is, voit on=is seen, on voit=is seen, entend on=is heard, on entend=is heard,
        est montre=is shown, apparait=appears, visible=visible, mentionne=mentioned, est dit=is said,
        dit on=is said, dit=says, disent=say, parle=speaks, parlent=speak, explique=explains, repond=answers,
        demande=asks, se passe=happens, arrive=happens, premier=first, premiere=first, d abord=first, dernier=last,
        derniere=last, deuxieme=second, troisieme=third, apres=after, avant=before, juste=right, entre=between,
        et=and, ou=or, pendant=during, jamais=ever, quelqu un=anybody, couleur=colour, prix=price, annee=year,
        mois=month, date=date, jour=day, numero de telephone=telephone number, adresse=address, site web=website,
        mot de passe=password, titre=title, nom=name, video=video, film=film, ecran=screen, texte=text,
        diapositive=slide, sous titre=subtitle, ecrit=written, raison=reason, personne=person, personnes=people,
        gens=people, au debut=at the start, a la fin=at the end, seconde=second, secondes=seconds, minute=minute,
        minutes=minutes, de quoi parle=what is it about, resume=summary, ville=city, pays=country, rue=street,
        son entend=sound heard, bruit=sound, bruits=sounds, est=is, sont=are, coute=costs, porte=wears, fois=times,
        femme=woman, homme=man, fille=girl, garcon=boy, vient=comes, suit=follows, raconte=tells
        """,
        months="janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        days="lundi mardi mercredi jeudi vendredi samedi dimanche",
        numbers="zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
        " dix-huit dix-neuf vingt"
        " trente quarante cinquante soixante cent mille",
        spans="secondes? minutes? heures? jours? nuits? semaines? mois ans? années?",
        currencies="euros? centimes? francs? dollars? livres?",
        measures="mètres? kilomètres? centimètres? millimètres? kilos? grammes? tonnes? litres? degrés? pour watts?",
        colours="rouges? noire?s? blanc blanche bleue?s? verte?s? jaunes? brune?s? grise?s? violette? orange rose"
        " doré argenté",
        hours="heures?",
        at="à|vers|dès",
        called="je m'appelle|je m’appelle|je suis|mon nom est|s'appelle|s’appelle",
    ),
    Tongue(
        code="es",
        name="Spanish",
        stop="el la los las un una unos unas de del al y o pero en a por para con sin sobre entre es son era eran está"
        " están ser ha han había se su sus lo le les que no más muy también como si ya yo tú él ella ellos ellas"
        " nosotros este esta estos estas ese esa eso esto hay me te nos",
        frame="""
        el=the, la=the, los=the, las=the, del=of the, de la=of the, de los=of the, de las=of the, de=of, un=a,
        una=a, en=in, cuantas veces=how many times, cuanto tiempo=how long, cuanto cuesta=how much does it cost,
        cuantos anos=how old, cuantos=how many, cuantas=how many, cuanto=how much, cuanta=how much,
        a que hora=at what time, en que momento=at what moment, cuando=when, por que=why,
        por que razon=for what reason, donde=where, adonde=where, quien=who, quienes=who, de quien=whose,
        a quien=whom, que=what, cual=which, cuales=which, como se llama=what is the name of, como=how,
        hay algun=is there any, hay alguna=is there any, hay=is there, se ve=is seen, se ven=are seen,
        se oye=is heard, se muestra=is shown, aparece=appears, aparecen=appear, se menciona=is mentioned,
        menciona=mention, se dice=is said, dice=says, dicen=say, habla=speaks, hablan=speak, explica=explains,
        responde=answers, pregunta=asks, pasa=happens, ocurre=happens, sucede=happens, primero=first, primera=first,
        ultimo=last, ultima=last, segundo lugar=second, tercera=third, segunda=second, despues de=after,
        antes de=before, justo=right, despues=after, antes=before, entre=between, y=and, o=or, mientras=while,
        durante=during, alguna vez=ever, nunca=never, jamas=ever, alguien=anybody, color=colour, precio=price,
        ano=year, mes=month, fecha=date, dia=day, numero de telefono=telephone number, telefono=telephone number,
        direccion=address, sitio web=website, contrasena=password, titulo=title, nombre=name, video=video,
        pelicula=film, pantalla=screen, texto=text, diapositiva=slide, subtitulo=subtitle, escrito=written,
        razon=reason, persona=person, personas=people, gente=people, al principio=at the start, al final=at the end,
        segundos=seconds, segundo=second, minuto=minute, minutos=minutes, de que trata=what is it about,
        resumen=summary, resume=summarize, ciudad=city, pais=country, calle=street, sonido=sound, sonidos=sounds,
        ruido=sound, es=is, son=are, cuesta=costs, lleva=wears, veces=times,
        mujer=woman, hombre=man, chica=girl, chico=boy, viene=comes, sigue=follows, cuenta=tells
        """,
        months="enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        days="lunes martes miércoles jueves viernes sábado domingo",
        numbers="cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
        " diecisiete dieciocho diecinueve veinte"
        " treinta cuarenta cincuenta sesenta setenta ochenta noventa cien mil",
        spans="segundos? minutos? horas? días? noches? semanas? mes meses años?",
        currencies="euros? céntimos? pesos? dólares dólar libras?",
        measures="metros? kilómetros? centímetros? milímetros? kilos? gramos? toneladas? litros? grados? por vatios?",
        colours="roj[oa]s? negr[oa]s? blanc[oa]s? azul azules verdes? amarill[oa]s? marrón gris grises morad[oa]s?"
        " naranja rosa dorad[oa] platead[oa]",
        hours="horas?",
        at="a|a las|las|sobre las",
        called="me llamo|soy|mi nombre es|se llama",
    ),
    Tongue(
        code="it",
        name="Italian",
        stop="il lo la i gli le l un uno una di del dello della dei degli delle d e ed o ma in nel nella nei a al alla"
        " ai alle da dal dalla per con su sul sulla tra fra è sono era erano essere ha hanno aveva si non più molto"
        " anche come se che chi ci ne suo sua suoi questo questa quello quella lui lei loro io tu noi voi mi ti",
        frame="""
        il=the, lo=the, la=the, i=the, gli=the, le=the, del=of the, dello=of the, della=of the, dei=of the,
        delle=of the, dell=of the, di=of, un=a, una=a, in=in, quante volte=how many times, quanto tempo=how long,
        quanto costa=how much does it cost, quanti anni=how old, quanti=how many, quante=how many, quanto=how much,
        quanta=how much, a che ora=at what time, in che momento=at what moment, in quale momento=at what moment,
        quando=when, perche=why, dove=where, chi=who, di chi=whose, che cosa=what, cosa=what, che=what, quale=which,
        quali=which, qual=which, come si chiama=what is the name of, come=how, c e=is there, ci sono=are there,
        si vede=is seen, si vedono=are seen, si sente=is heard, viene mostrato=is shown, appare=appears,
        compare=appears, menziona=mention, menzionato=mentioned, viene detto=is said, si dice=is said, dice=says,
        dicono=say, parla=speaks, parlano=speak, spiega=explains, risponde=answers, chiede=asks, succede=happens,
        accade=happens, primo=first, prima volta=first time, per primo=first, ultimo=last, ultima=last,
        seconda=second, terza=third, dopo=after, prima di=before, prima che=before, subito=right, tra=between,
        fra=between, e=and, o=or, mentre=while, durante=during, mai=ever, qualcuno=anybody, colore=colour,
        prezzo=price, anno=year, mese=month, data=date, giorno=day, numero di telefono=telephone number,
        indirizzo=address, sito=website, titolo=title, nome=name, video=video, film=film, schermo=screen,
        testo=text, diapositiva=slide, sottotitolo=subtitle, scritto=written, motivo=reason, persona=person,
        persone=people, gente=people, all inizio=at the start, alla fine=at the end, secondi=seconds,
        secondo=second, minuto=minute, minuti=minutes, di cosa parla=what is it about, riassunto=summary,
        riassumi=summarize, citta=city, paese=country, via=street, suono=sound, suoni=sounds, rumore=sound,
        sono=are, costa=costs, indossa=wears, volte=times,
        donna=woman, uomo=man, ragazza=girl, ragazzo=boy, viene=comes, segue=follows, racconta=tells
        """,
        months="gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        days="lunedì martedì mercoledì giovedì venerdì sabato domenica",
        numbers="zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici"
        " sedici diciassette diciotto diciannove venti"
        " trenta quaranta cinquanta sessanta settanta ottanta novanta cento mille",
        spans="second[oi] minut[oi] or[ae] giorn[oi] nott[ei] settiman[ae] mes[ei] ann[oi]",
        currencies="euro centesimi lire dollar[oi] sterline",
        measures="metr[oi] chilometr[oi] centimetr[oi] millimetr[oi] chil[oi] gramm[oi] tonnellat[ae] litr[oi]"
        " grad[oi] watt",
        colours="ross[oaie] ner[oaie] bianc[oa] bianchi azzurr[oa] blu verd[ei] giall[oa] marrone grigi[oa] viola"
        " arancione rosa dorat[oa]",
        hours="ore",
        at="alle|verso le|le",
        called="mi chiamo|sono|il mio nome è|si chiama",
    ),
    Tongue(
        code="pt",
        name="Portuguese",
        stop="o a os as um uma uns umas de do da dos das e ou mas em no na nos nas ao aos à por pelo pela para com sem"
        " sobre é são era eram está estão ser tem têm havia se seu sua seus suas que não mais muito também como já"
        " eu tu ele ela eles elas nós você este esta isto esse essa isso lhe me te",
        frame="""
        o=the, a=the, os=the, as=the, do=of the, da=of the, dos=of the, das=of the, de=of, um=a, uma=a, no=in the,
        na=in the, quantas vezes=how many times, quanto tempo=how long, quanto custa=how much does it cost,
        quantos anos=how old, quantos=how many, quantas=how many, quanto=how much, quanta=how much,
        a que horas=at what time, em que momento=at what moment, quando=when, por que=why, porque=why, onde=where,
        aonde=where, quem=who, de quem=whose, o que=what, que=what, qual=which, quais=which,
        como se chama=what is the name of, como=how, ha algum=is there any, ha alguma=is there any, ha=is there,
        existe=is there, ve se=is seen, se ve=is seen, ouve se=is heard, se ouve=is heard, e mostrado=is shown,
        aparece=appears, aparecem=appear, menciona=mention, mencionado=mentioned, e dito=is said, diz se=is said,
        diz=says, dizem=say, fala=speaks, falam=speak, explica=explains, responde=answers, pergunta=asks,
        acontece=happens, ocorre=happens, primeiro=first, primeira=first, ultimo=last, ultima=last, segunda=second,
        terceira=third, depois de=after, antes de=before, logo=right, depois=after, antes=before, entre=between,
        e=and, ou=or, enquanto=while, durante=during, alguma vez=ever, nunca=never, jamais=never, alguem=anybody,
        cor=colour, preco=price, ano=year, mes=month, data=date, dia=day, numero de telefone=telephone number,
        telefone=telephone number, endereco=address, site=website, senha=password, titulo=title, nome=name,
        video=video, filme=film, tela=screen, ecra=screen, texto=text, slide=slide, legenda=subtitle,
        escrito=written, razao=reason, pessoa=person, pessoas=people, gente=people, no inicio=at the start,
        no final=at the end, no fim=at the end, segundos=seconds, segundo=second, minuto=minute, minutos=minutes,
        de que trata=what is it about, resumo=summary, resuma=summarize, cidade=city, pais=country, rua=street,
        som=sound, sons=sounds, barulho=sound, e=is, sao=are, custa=costs, veste=wears, vezes=times,
        mulher=woman, homem=man, menina=girl, menino=boy, vem=comes, segue=follows, conta=tells
        """,
        months="janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        days="segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        numbers="zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis"
        " dezessete dezoito dezenove vinte"
        " trinta quarenta cinquenta sessenta setenta oitenta noventa cem mil",
        spans="segundos? minutos? horas? dias? noites? semanas? mês meses anos?",
        currencies="euros? cêntimos? centavos? reais real dólares dólar libras?",
        measures="metros? quilômetros? quilómetros? centímetros? milímetros? quilos? gramas? toneladas? litros? graus?"
        " watts?",
        colours="vermelh[oa]s? pret[oa]s? branc[oa]s? azul azuis verdes? amarel[oa]s? castanh[oa]s? marrom cinza"
        " cinzent[oa]s? rox[oa]s? laranja rosa dourad[oa]",
        hours="horas?",
        at="às|à|pelas",
        called="me chamo|chamo-me|sou|meu nome é|chama-se",
    ),
    Tongue(
        code="nl",
        name="Dutch",
        stop="de het een en of maar in op aan bij met naar van voor uit over onder door om tot is zijn was waren wordt"
        " worden werd heeft hebben had er hij zij ze we wij jullie ik je jij men zich niet geen ook nog al zo als"
        " dan dat die deze dit daar hier te hem haar hun",
        frame="""
        de=the, het=the, van de=of the, van het=of the, van=of, een=a, in=in, heet=is called,
        hoeveel keer=how many times, hoe vaak=how many times, hoe lang=how long, hoe oud=how old,
        hoeveel kost=how much does it cost, hoe hoog=how high, hoe ver=how far, hoe snel=how fast,
        hoe zwaar=how heavy, hoeveel=how many, hoe laat=at what time, hoe heet=what is the name of,
        wat kost=how much does it cost, op welk moment=at what moment, wanneer=when, waarom=why, waar=where,
        waarheen=where, wie=who, wiens=whose, wat=what, welke=which, welk=which, hoe=how, is er=is there,
        zijn er=are there, te zien=seen, te horen=heard, ziet men=is seen, zie je=is seen, hoor je=is heard,
        wordt getoond=is shown, getoond=shown, verschijnt=appears, genoemd=mentioned, noemt=mention,
        wordt gezegd=is said, gezegd=said, zegt=says, zeggen=say, spreekt=speaks, praat=speaks, legt uit=explains,
        antwoordt=answers, vraagt=asks, gebeurt=happens, eerst=first, eerste=first, laatst=last, laatste=last,
        tweede=second, derde=third, na=after, voordat=before, nadat=after, direct=directly, tussen=between, en=and,
        of=or, terwijl=while, tijdens=during, ooit=ever, nooit=never, iemand=anybody, kleur=colour, prijs=price,
        jaar=year, maand=month, datum=date, dag=day, telefoonnummer=telephone number, adres=address,
        website=website, wachtwoord=password, titel=title, naam=name, video=video, film=film, scherm=screen,
        tekst=text, dia=slide, ondertitel=subtitle, geschreven=written, staat=is written, reden=reason,
        persoon=person, personen=people, mensen=people, aan het begin=at the start, aan het einde=at the end,
        seconde=second, seconden=seconds, minuut=minute, minuten=minutes, waar gaat over=what is it about,
        samenvatting=summary, vat samen=summarize, stad=city, land=country, straat=street, geluid=sound,
        geluiden=sounds, is=is, zijn=are, kost=costs, draagt=wears, keer=times,
        vrouw=woman, man=man, meisje=girl, jongen=boy, komt=comes, volgt=follows, vertelt=tells
        """,
        months="januari februari maart april mei juni juli augustus september oktober november december",
        days="maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
        numbers="nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien"
        " zeventien achttien negentien twintig"
        " dertig veertig vijftig zestig zeventig tachtig negentig honderd duizend",
        spans="seconden? minuten? minuut uur uren dag dagen nacht nachten week weken maand maanden jaar jaren",
        currencies="euro cent gulden dollar pond",
        measures="meter kilometer centimeter millimeter kilo gram ton liter graden procent watt",
        colours="rood rode zwarte? wit witte blauwe? groen groene geel gele bruine? grijs grijze paarse? oranje roze"
        " gouden zilveren",
        hours="uur",
        at="om|rond|vanaf",
        called="ik heet|ik ben|mijn naam is|heet",
    ),
)
"""The languages beside English, each recognised by its own words."""

NAMES: Mapping[str, str] = {
    "en": "English", "ru": "Russian", "el": "Greek", "ar": "Arabic", "he": "Hebrew", "hi": "Hindi", "th": "Thai",
    "ko": "Korean", "ja": "Japanese", "zh": "Chinese",
} |  {tongue.code: tongue.name for tongue in TONGUES}  # fmt: skip
"""Names of the languages in English."""
